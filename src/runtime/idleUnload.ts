// Models that nobody has used for a while leave memory by themselves. One timer, set for the first that is due.
// Must not know: how models are loaded and unloaded, settings.

/** A model that was loaded is given this long to be asked something, however short the time after an answer, ms. */
const firstUseMs = 60_000;
/** Node's longest timer, ms. */
const longestTimer = 2 ** 31 - 1;

export interface IdleModel {
  readonly modelId: string;
  /** When its last call ended, or its load, ms by `now`. */
  readonly lastUsed: number;
  readonly wasAsked: boolean;
}

export interface IdleUnloadOptions {
  /** Those that are in no use now. */
  readonly idle: () => readonly IdleModel[];
  readonly unload: (modelId: string) => void;
  readonly now?: () => number;
}

export class IdleUnload {
  #timer: NodeJS.Timeout | undefined;
  /** How long after its last use, ms; undefined: never. */
  #keepAlive: number | undefined;

  constructor(private readonly options: IdleUnloadOptions) {}

  /** @param keepAlive ms; undefined: models stay until someone unloads them */
  setKeepAlive(keepAlive: number | undefined): void {
    this.#keepAlive = keepAlive;
    this.update();
  }

  /** To be called when a model begins or ends to be used. */
  update(): void {
    clearTimeout(this.#timer);
    const { idle, unload, now = () => performance.now() } = this.options;
    const keepAlive = this.#keepAlive;
    if (keepAlive === undefined) {
      return;
    }
    let next = Infinity;
    for (const { modelId, lastUsed, wasAsked } of idle()) {
      const left = lastUsed + (wasAsked ? keepAlive : Math.max(keepAlive, firstUseMs)) - now();
      if (left <= 0) {
        unload(modelId);
      } else {
        next = Math.min(next, left);
      }
    }
    if (next < Infinity) {
      this.#timer = setTimeout(() => this.update(), Math.min(longestTimer, Math.ceil(next)));
      // Waiting for this alone keeps no process.
      this.#timer.unref();
    }
  }
}
