// Native code that does not come back, told to whoever can end the process: nobody else can.
// Must not know: what native code does, who waits for it.

import { startAwakeTimer, type AwakeTimer } from '../common/awakeTimer';

/** As long as windows wait for a sign of life of an answer or a load (runtimeProtocol.ts). */
export const defaultStallMs = 10 * 60_000;

export class StallWatch {
  #timer: AwakeTimer | undefined;
  #underway = 0;

  /** @param onStall called when something was under way for `ms`, sleep not counted, and no step was made */
  constructor(
    private readonly ms: number,
    private readonly onStall: () => void,
  ) {}

  /** Something begins that native code takes part in. @returns to be called at its end */
  begin(): () => void {
    if (this.#underway++ === 0) {
      this.#timer = startAwakeTimer(this.ms, this.onStall);
    }
    let hasEnded = false;
    return () => {
      if (!hasEnded) {
        hasEnded = true;
        if (--this.#underway === 0) {
          this.#timer?.dispose();
        }
      }
    };
  }

  /** It gets on. */
  step(): void {
    this.#timer?.restart();
  }
}
