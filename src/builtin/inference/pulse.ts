// Feels the engine's pulse: a second connection on which its front door, a thread that native code cannot block,
// answers each beat. Silence means that the whole process is stopped or stuck.
// Must not know: leases, what is done about silence.

import { connect, type Socket } from 'node:net';
import { startAwakeTimer } from '../../common/awakeTimer';
import type { Disposable } from '../../common/lifecycle';
import { pulseBytes } from '../../protocol/runtimeProtocol';

export interface PulseOptions {
  readonly address: string;
  /** Between two beats, ms of this process' own ticks: sleep counts as one tick at most. Default 5000. */
  readonly beatMs?: number;
  /** This many beats in a row without an answer are silence. Default 4. */
  readonly patience?: number;
  /** Told once. */
  readonly onSilence: () => void;
}

export const defaultBeatMs = 5000;
export const defaultPatience = 4;

export class Pulse implements Disposable {
  readonly #timer: NodeJS.Timeout;
  #socket: Socket | undefined;
  #unanswered = 0;
  #isHung = false;
  #disposed = false;

  constructor(private readonly options: PulseOptions) {
    const { beatMs = defaultBeatMs } = options;
    this.#timer = setInterval(() => this.#beat(), beatMs);
    this.#connect();
  }

  /** Has the front door said, before it ended the process, that the main thread does not answer any more? */
  get isHung(): boolean {
    return this.#isHung;
  }

  dispose(): void {
    this.#disposed = true;
    clearInterval(this.#timer);
    this.#socket?.destroy();
  }

  #beat(): void {
    if (this.#unanswered >= (this.options.patience ?? defaultPatience)) {
      clearInterval(this.#timer);
      this.options.onSilence();
      return;
    }
    this.#unanswered++;
    if (this.#socket === undefined) {
      this.#connect();
    } else {
      this.#socket.write(Uint8Array.of(pulseBytes.beat));
    }
  }

  #connect(): void {
    if (this.#disposed) {
      return;
    }
    const socket = (this.#socket = connect(this.options.address));
    socket.once('connect', () => socket.write(Uint8Array.of(pulseBytes.beat)));
    socket.on('data', (bytes) => {
      this.#unanswered = 0;
      this.#isHung ||= bytes.includes(pulseBytes.hung);
    });
    socket.on('error', () => undefined);
    socket.once('close', () => (this.#socket = undefined));
  }
}

/** Does the front door there answer a single beat within `ms` of this process' own time? */
export function hasPulse(address: string, ms: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(address);
    const done = (answer: boolean): void => {
      timer.dispose();
      socket.destroy();
      resolve(answer);
    };
    const timer = startAwakeTimer(ms, () => done(false));
    socket.once('connect', () => socket.write(Uint8Array.of(pulseBytes.beat)));
    socket.once('data', () => done(true));
    socket.once('error', () => done(false));
  });
}
