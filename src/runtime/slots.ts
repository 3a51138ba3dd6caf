// A model's slots and the queue before them: which one answers a request, what it forgets for that, what is copied in.
// Must not know: how answers are generated, prompts' text, the protocol.

import type { LlamaContextSequence, Token } from 'node-llama-cpp';
import { JanError } from '../common/errors';
import { restorablePrefix } from './restorable';
import { chooseSlot } from './slotScheduler';
import { worthKeeping, type KeptState, type StateCache } from './stateCache';

export interface Slot {
  /** Of the sequence in its context. */
  readonly index: number;
  readonly sequence: LlamaContextSequence;
  busy: boolean;
  lastUsed: number;
}

/** Nobody has asked for so long: what the next one would have to wait for can be done now, ms. */
const quietMs = 1000;

interface Waiting {
  start(): void;
}

export class Slots {
  readonly #slots: Slot[];
  readonly #queue: Waiting[] = [];
  /** States that are being kept of slots which others copy from: what several want is kept once. */
  readonly #copies = new Map<Slot, Promise<KeptState | undefined>>();
  /** States that are being kept or copied in. */
  readonly #underway = new Set<Promise<unknown>>();
  /** There are more conversations than slots. */
  #hasPushedOut = false;
  #quiet: NodeJS.Timeout | undefined;
  #uses = 0;
  #closed = false;

  constructor(
    sequences: readonly LlamaContextSequence[],
    private readonly states: StateCache,
    private readonly onChange: () => void,
    private readonly quiet = quietMs,
  ) {
    this.#slots = sequences.map((sequence, index) => ({ index, sequence, busy: false, lastUsed: 0 }));
  }

  get length(): number {
    return this.#slots.length;
  }

  get queued(): number {
    return this.#queue.length;
  }

  /**
   * A slot for these tokens, at the end of the queue when all are busy; undefined when aborted meanwhile.
   * @throws JanError `cancelled` when the model is unloaded meanwhile
   */
  async acquire(tokens: Token[], signal: AbortSignal): Promise<Slot | undefined> {
    if (this.#closed) {
      throw unloaded();
    }
    clearTimeout(this.#quiet);
    let slot = this.#queue.length === 0 ? this.#choose(tokens) : undefined;
    let waitedBefore = false;
    while (slot === undefined && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const waiting: Waiting = { start: resolve };
        // Someone quicker took the slot this one was woken for: it stays first in line.
        this.#queue.splice(waitedBefore ? 0 : this.#queue.length, 0, waiting);
        waitedBefore = true;
        this.onChange();
        signal.addEventListener(
          'abort',
          () => {
            const place = this.#queue.indexOf(waiting);
            if (place >= 0) {
              this.#queue.splice(place, 1);
            }
            resolve();
          },
          { once: true },
        );
      });
      if (this.#closed) {
        throw unloaded();
      }
      slot = this.#choose(tokens);
    }
    if (slot === undefined || signal.aborted) {
      // Woken for a slot that is not wanted any more: the next in line gets it.
      this.#queue.shift()?.start();
      return undefined;
    }
    slot.busy = true;
    try {
      await this.#tracked(this.#prepare(slot, tokens));
    } catch (error) {
      this.release(slot);
      throw error;
    }
    if (this.#closed) {
      throw unloaded();
    }
    return slot;
  }

  release(slot: Slot): void {
    slot.busy = false;
    slot.lastUsed = ++this.#uses;
    this.#queue.shift()?.start();
    this.onChange();
    clearTimeout(this.#quiet);
    if (this.#hasPushedOut) {
      this.#quiet = setTimeout(() => this.#keepAhead(), this.quiet).unref();
    }
  }

  /** Everyone who waits is told that there is nothing to wait for. When it resolves, native code is at none of the slots for us. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#quiet);
    for (const waiting of this.#queue.splice(0)) {
      waiting.start();
    }
    // What is being kept now would not be forgotten; and whoever frees the context ends the process while a state is copied.
    while (this.#underway.size > 0) {
      await Promise.allSettled(this.#underway);
    }
    await this.states.forget(this);
  }

  #choose(tokens: Token[]): Slot | undefined {
    const views = this.#slots.map((slot) => ({
      busy: slot.busy,
      length: slot.sequence.nextTokenIndex,
      lastUsed: slot.lastUsed,
      sharedPrefix: slot.busy ? 0 : usablePrefix(slot.sequence, tokens),
    }));
    const index = chooseSlot(views, tokens.length);
    return index === undefined ? undefined : this.#slots[index];
  }

  /** Keeps what the slot is about to forget, and copies in what is known elsewhere of the request's beginning. */
  async #prepare(slot: Slot, tokens: Token[]): Promise<void> {
    const own = usablePrefix(slot.sequence, tokens);
    const lost = slot.sequence.nextTokenIndex - own;
    let known = this.states.find(this, tokens, slot.sequence.needsCheckpoints);
    if (lost >= worthKeeping && lost >= slot.sequence.nextTokenIndex / 4) {
      this.#hasPushedOut = true;
      await this.#keep(slot);
    }
    if (this.#closed) {
      return;
    }
    const donor = this.#donor(slot, tokens, Math.max(own, known?.sharedPrefix ?? 0) + worthKeeping);
    if (donor !== undefined) {
      const copied = await this.#copy(donor);
      known = copied === undefined ? known : this.states.find(this, tokens, slot.sequence.needsCheckpoints);
    }
    if (known !== undefined && known.sharedPrefix >= own + worthKeeping && !this.#closed) {
      await this.states.restore(known.state, slot.sequence);
    }
  }

  /** The conversation that the next other one pushes out is kept while nobody waits for it. */
  #keepAhead(): void {
    const isFull = this.#slots.every(({ busy, sequence }) => !busy && sequence.nextTokenIndex >= worthKeeping);
    if (isFull && !this.#closed) {
      void this.#copy(this.#slots.reduce((oldest, slot) => (slot.lastUsed < oldest.lastUsed ? slot : oldest)));
    }
  }

  #keep({ sequence }: Slot): Promise<KeptState | undefined> {
    return this.#tracked(this.states.keep(this, sequence));
  }

  async #tracked<R>(work: Promise<R>): Promise<R> {
    this.#underway.add(work);
    try {
      return await work;
    } finally {
      this.#underway.delete(work);
    }
  }

  /** Of a slot that answers, between two of its tokens. */
  #copy(donor: Slot): Promise<KeptState | undefined> {
    const begun = this.#copies.get(donor);
    if (begun !== undefined) {
      return begun;
    }
    // Nobody may take it while it is copied.
    const isIdle = !donor.busy;
    donor.busy = true;
    const copy = this.#keep(donor).finally(() => {
      this.#copies.delete(donor);
      if (isIdle) {
        donor.busy = false;
        this.#queue.shift()?.start();
      }
    });
    this.#copies.set(donor, copy);
    return copy;
  }

  /**
   * Another slot that shares at least so many tokens; of no use where a state serves only as a whole. All of a state is
   * copied, for which an answer has to wait: one under way is not disturbed for less than half of it.
   */
  #donor(slot: Slot, tokens: Token[], atLeast: number): Slot | undefined {
    if (slot.sequence.needsCheckpoints) {
      return undefined;
    }
    return this.#slots
      .filter((other) => other !== slot && usablePrefix(other.sequence, tokens) >= Math.max(atLeast, other.busy ? other.sequence.nextTokenIndex / 2 : 0))
      .sort((a, b) => usablePrefix(b.sequence, tokens) - usablePrefix(a.sequence, tokens))[0];
  }
}

/** How many of the request's first tokens need not be read again; a recurrent model goes back to a checkpoint. */
function usablePrefix(sequence: LlamaContextSequence, tokens: Token[]): number {
  return restorablePrefix(sequence, Math.min(sequence.compareContextTokens(tokens).firstDifferentIndex, tokens.length - 1));
}

function unloaded(): JanError {
  return new JanError('cancelled', 'The model was unloaded before the answer began. Send the message again.');
}
