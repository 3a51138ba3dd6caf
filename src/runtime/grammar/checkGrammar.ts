// Is a grammar harmless? Native code follows every reading of a text at once: a grammar that can be read in too many
// ways would take its time and memory without end, so such ones are refused before it sees them.
// Must not know: llama.cpp's binary, requests.

import { grammarError, parseGbnf, type Element, type Grammar, type Rules } from './gbnf';

/** Ways to go on from one place. */
const maxWays = 2000;
const maxLeftPaths = 20_000;
/** How far ambiguity is looked for: from the root, from each other rule, and from all of them. */
const fromRoot = { steps: 20_000, states: 400 };
const fromRule = { steps: 20_000, states: 24 };
const maxSteps = 200_000;
/** What a character counts that only goes on with a text: long words must not hide what comes after them. */
const withinText = 1 / 16;
/** Characters that are tried in one place: those that leave the most ways to go on. */
const triedCharacters = 32;
const maxDepth = 2000;

/** @throws JanError `invalid-argument` that says what is wrong */
export function checkGrammar(source: string): void {
  const grammar = parseGbnf(source);
  const nullable = nullableRules(grammar.rules);
  checkLeftRecursion(grammar.rules, nullable);
  const within = new Set([...grammar.rests, ...grammar.rules.flatMap((_, id) => leftmost(grammar.rules, nullable, id))]);
  const places = placesOf(grammar.rules);
  new Simulation(grammar, (id) => !within.has(id) && places[id]! > maxWays).run();
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

/** No text leaves more ways to go on within a rule than it has places, those of rules in it counted each time. */
function placesOf(rules: Rules): readonly number[] {
  const places = rules.map(() => Infinity);
  const ids = [...rules.keys()];
  // Rules name those after them as those before them, so both ways; a few times, and the rest counts as without end.
  for (let pass = 0, changed = true; changed && pass < 20; pass++) {
    changed = false;
    for (const id of ids.reverse()) {
      // A rule that ends with itself goes back to the same places.
      const own = rules[id]!.flatMap((sequence) => sequence.filter((element, at) => !('rule' in element && element.rule === id && at === sequence.length - 1)));
      const sum = own.reduce((total, element) => total + ('rule' in element ? places[element.rule]! : 1), 0);
      changed ||= sum !== places[id];
      places[id] = sum;
    }
  }
  return places;
}

/** The rules that a rule may begin with. */
function leftmost(rules: Rules, nullable: readonly boolean[], id: number): number[] {
  return rules[id]!.flatMap((sequence) => {
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
}

/** Also counts the paths that llama.cpp's own search for left recursion takes: it looks at what it has seen again. */
function checkLeftRecursion(rules: Rules, nullable: readonly boolean[]): void {
  const paths = new Map<number, number>();
  // Without recursion: a chain of thousands of rules is no reason to fail.
  rules.forEach((_, start) => {
    const open = new Set<number>();
    const todo: { readonly id: number; readonly next: number[] }[] = paths.has(start) ? [] : [{ id: start, next: leftmost(rules, nullable, start) }];
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
        todo.push({ id: child, next: leftmost(rules, nullable, child) });
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

  /** @param isSuspect is a rule to be looked at by itself? Not where another shows it: by beginning with it, say. */
  constructor(
    private readonly grammar: Grammar,
    private readonly isSuspect: (rule: number) => boolean,
  ) {}

  /**
   * A rule that can be read in too many ways can be so wherever it stands, also behind a text too long to follow: so each
   * is looked at by itself. One that is left out because others took all the steps would be a way around that.
   */
  run(): void {
    const { rules, root } = this.grammar;
    this.#follow(root, fromRoot);
    for (const id of rules.keys()) {
      if (id !== root && this.isSuspect(id)) {
        if (this.#steps >= maxSteps) {
          throw grammarError('its rules are too many, or can be read in too many ways, to be looked through');
        }
        this.#follow(id, fromRule);
      }
    }
  }

  /** Follows the texts of a rule, those first that leave the most ways to go on. */
  #follow(rule: number, most: typeof fromRule): void {
    const start = new Set<Stack>();
    const end = this.#steps + most.steps;
    for (const sequence of this.grammar.rules[rule]!) {
      this.#advance(sequence, 0, undefined, start);
    }
    const seen = new Set<string>();
    const open: Set<Stack>[] = [start];
    for (let states = 0; open.length > 0 && states < most.states && this.#steps < end; ) {
      const state = takeLargest(open);
      const tried = new Set<string>();
      for (const character of charactersOf(state)) {
        const allowing = [...state].filter((stack) => allows(stack, character));
        if (tried.size === tried.add(keyOf(allowing)).size) {
          continue;
        }
        const next = new Set<Stack>();
        for (const stack of allowing) {
          this.#advance(stack.sequence, stack.at + 1, stack.below, next);
        }
        const key = keyOf([...next]);
        if (next.size > 0 && !seen.has(key)) {
          seen.add(key);
          open.push(next);
        }
        if (this.#steps >= end) {
          return;
        }
      }
      states += tried.size > 1 ? 1 : withinText;
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
      seen.add(stack.id);
      if (seen.size > maxWays) {
        throw grammarError('a text can be read by it in too many ways; make its rules tell texts apart sooner');
      }
      const element = stack.sequence[stack.at]!;
      this.#steps += 'ranges' in element ? withinText : 1;
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
}

function keyOf(stacks: readonly Stack[]): string {
  return stacks.map(({ id }) => id).sort((a, b) => a - b).join();
}

function allows({ sequence, at }: Stack, character: number): boolean {
  const element = sequence[at]!;
  return 'ranges' in element && element.ranges.some(([from, to]) => character >= from && character <= to) !== element.negated;
}

/** One of each kind of character that these places tell apart, those first that most of them allow. */
function charactersOf(state: ReadonlySet<Stack>): number[] {
  const changes = new Map<number, number>();
  const change = (at: number, by: number): unknown => changes.set(at, (changes.get(at) ?? 0) + by);
  for (const { sequence, at } of state) {
    const element = sequence[at]!;
    if ('ranges' in element) {
      const sign = element.negated ? -1 : 1;
      change(0, element.negated ? 1 : 0);
      for (const [from, to] of element.ranges) {
        change(from, sign);
        change(to + 1, -sign);
      }
    }
  }
  let ways = 0;
  const kinds = [...changes].sort(([a], [b]) => a - b).map(([character, by]) => ({ character, ways: (ways += by) }));
  return kinds
    .filter((kind) => kind.ways > 0)
    .sort((a, b) => b.ways - a.ways)
    .slice(0, triedCharacters)
    .map(({ character }) => character);
}
