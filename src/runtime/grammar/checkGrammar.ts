// Is a grammar harmless? Native code follows every reading of a text at once: a grammar that can be read in too many
// ways would take its time and memory without end, so such ones are refused before it sees them.
// Must not know: llama.cpp's binary, requests.

import { grammarError, parseGbnf, type Element, type Grammar, type Rules } from './gbnf';

/** Ways to go on from one place. */
const maxWays = 2000;
const maxLeftPaths = 20_000;
/** How far ambiguity is looked for. */
const maxSteps = 20_000;
const maxStates = 400;
const maxDepth = 2000;

/** @throws JanError `invalid-argument` that says what is wrong */
export function checkGrammar(source: string): void {
  const grammar = parseGbnf(source);
  const nullable = nullableRules(grammar.rules);
  checkLeftRecursion(grammar.rules, nullable);
  new Simulation(grammar).run();
}

function nullableRules(rules: Rules): readonly boolean[] {
  const nullable = rules.map(() => false);
  for (let changed = true; changed; ) {
    changed = false;
    rules.forEach((alternatives, id) => {
      if (!nullable[id] && alternatives.some((sequence) => sequence.every((element) => 'rule' in element && nullable[element.rule]))) {
        nullable[id] = true;
        changed = true;
      }
    });
  }
  return nullable;
}

/** Also counts the paths that llama.cpp's own search for left recursion takes: it looks at what it has seen again. */
function checkLeftRecursion(rules: Rules, nullable: readonly boolean[]): void {
  const paths = new Map<number, number>();
  const leftmost = (id: number): number[] =>
    rules[id]!.flatMap((sequence) => {
      const found: number[] = [];
      for (const element of sequence) {
        if (!('rule' in element)) {
          break;
        }
        found.push(element.rule);
        if (!nullable[element.rule]) {
          break;
        }
      }
      return found;
    });
  // Without recursion: a chain of thousands of rules is no reason to fail.
  rules.forEach((_, start) => {
    const open = new Set<number>();
    const todo: { readonly id: number; readonly next: number[] }[] = paths.has(start) ? [] : [{ id: start, next: leftmost(start) }];
    open.add(start);
    while (todo.length > 0) {
      const top = todo.at(-1)!;
      const child = top.next.find((id) => !paths.has(id));
      if (child === undefined) {
        const count = top.next.reduce((sum, id) => sum + paths.get(id)!, 1);
        if (count > maxLeftPaths) {
          throw grammarError('its rules lead to each other in too many ways');
        }
        paths.set(top.id, count);
        open.delete(top.id);
        todo.pop();
      } else if (open.has(child) || todo.length > maxDepth) {
        throw grammarError(open.has(child) ? 'a rule begins with itself (left recursion)' : `more than ${maxDepth} rules begin with each other`);
      } else {
        open.add(child);
        todo.push({ id: child, next: leftmost(child) });
      }
    }
  });
}

/** A place in a sequence and what comes after it; equal stacks are the same object. */
interface Stack {
  readonly id: number;
  readonly sequence: readonly Element[];
  readonly at: number;
  readonly below: Stack | undefined;
  readonly depth: number;
}

function takeLargest(states: Set<Stack>[]): Set<Stack> {
  const index = states.reduce((best, { size }, at) => (size >= states[best]!.size ? at : best), 0);
  return states.splice(index, 1)[0]!;
}

class Simulation {
  readonly #sequenceIds = new Map<readonly Element[], number>();
  readonly #stacks = new Map<string, Stack>();
  readonly #empty = { id: 0 };
  #steps = 0;

  constructor(private readonly grammar: Grammar) {}

  /** Follows texts, those first that leave the most ways to go on. */
  run(): void {
    const samples = this.#sampleCharacters();
    const start = new Set<Stack>();
    for (const sequence of this.grammar.rules[this.grammar.root]!) {
      this.#advance(sequence, 0, undefined, start);
    }
    const seen = new Set<string>();
    const open: Set<Stack>[] = [start];
    for (let states = 0; open.length > 0 && states < maxStates && this.#steps < maxSteps; states++) {
      const state = takeLargest(open);
      for (const character of samples) {
        const next = new Set<Stack>();
        for (const stack of state) {
          const element = stack.sequence[stack.at]!;
          if ('ranges' in element && element.ranges.some(([from, to]) => character >= from && character <= to) !== element.negated) {
            this.#advance(stack.sequence, stack.at + 1, stack.below, next);
          }
        }
        const key = [...next].map(({ id }) => id).sort((a, b) => a - b).join();
        if (next.size > 0 && !seen.has(key)) {
          seen.add(key);
          open.push(next);
        }
        if (this.#steps >= maxSteps) {
          return;
        }
      }
    }
  }

  /** Adds the places where a character is next, from here on. */
  #advance(sequence: readonly Element[], at: number, below: Stack | undefined, into: Set<Stack>): void {
    const seen = new Set<number>();
    const todo: (Stack | undefined)[] = [this.#stack(sequence, at, below)];
    while (todo.length > 0) {
      const stack = todo.pop();
      if (stack === undefined || seen.has(stack.id)) {
        continue;
      }
      this.#steps++;
      seen.add(stack.id);
      if (seen.size > maxWays) {
        throw grammarError('a text can be read by it in too many ways; make its rules tell texts apart sooner');
      }
      const element = stack.sequence[stack.at]!;
      if ('ranges' in element) {
        into.add(stack);
        if (into.size > maxWays) {
          throw grammarError('a text can be read by it in too many ways; make its rules tell texts apart sooner');
        }
        continue;
      }
      const rest = this.#stack(stack.sequence, stack.at + 1, stack.below);
      for (const alternative of this.grammar.rules[element.rule]!) {
        todo.push(this.#stack(alternative, 0, rest));
      }
    }
  }

  /** Ends of sequences are no places: what lies below is. */
  #stack(sequence: readonly Element[], at: number, below: Stack | undefined): Stack | undefined {
    if (at >= sequence.length) {
      return below;
    }
    let sequenceId = this.#sequenceIds.get(sequence);
    if (sequenceId === undefined) {
      sequenceId = this.#sequenceIds.size + 1;
      this.#sequenceIds.set(sequence, sequenceId);
    }
    const key = `${sequenceId}:${at}:${(below ?? this.#empty).id}`;
    let stack = this.#stacks.get(key);
    if (stack === undefined) {
      stack = { id: this.#stacks.size + 1, sequence, at, below, depth: (below?.depth ?? 0) + 1 };
      this.#stacks.set(key, stack);
    }
    return stack;
  }

  /** Characters that the grammar tells apart, at most a few dozen. */
  #sampleCharacters(): number[] {
    const found = new Set<number>();
    for (const alternatives of this.grammar.rules) {
      for (const element of alternatives.flat()) {
        if ('ranges' in element) {
          for (const [from, to] of element.ranges) {
            found.add(from);
            if (element.negated) {
              found.add(to + 1);
            }
          }
        }
        if (found.size >= 48) {
          return [...found];
        }
      }
    }
    return found.add(0x61).size === 0 ? [] : [...found];
  }
}
