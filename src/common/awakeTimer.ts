// A timer that counts only the time in which this process ran: while the machine sleeps or the process is stopped,
// a deadline waits with it.
// Must not know: what is waited for.

import type { Disposable } from './lifecycle';

export interface AwakeTimer extends Disposable {
  /** The whole time from now on. */
  restart(): void;
}

const longestStepMs = 1000;

/**
 * Calls once, after `ms` at the earliest. The time is counted in steps of at most a second (a tenth of it when it is
 * short), and however long a step took, it counts as one: neither sleep nor SIGSTOP uses a deadline up.
 */
export function startAwakeTimer(ms: number, call: () => void): AwakeTimer {
  const step = Math.min(longestStepMs, Math.max(1, ms / 10));
  const steps = Math.ceil(ms / step);
  let left = steps;
  let timer: NodeJS.Timeout | undefined = setTimeout(tick, step);
  function tick(): void {
    left--;
    if (left > 0) {
      timer = setTimeout(tick, step);
    } else {
      timer = undefined;
      call();
    }
  }
  return {
    restart() {
      if (timer !== undefined) {
        // Part of the step under way is over already.
        left = steps + 1;
      }
    },
    dispose() {
      clearTimeout(timer);
      timer = undefined;
    },
  };
}
