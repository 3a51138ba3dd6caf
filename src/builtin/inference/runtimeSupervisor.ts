// Keeps a lease on the llama.cpp process: starts it on first use or joins the one that runs, notices its death, starts
// it again with growing pauses, and stops trying when it crashes over and over.
// Must not know: models, conversations, the core.

import { JanError, isJanError } from '../../common/errors';
import { Emitter, type Event } from '../../common/events';
import type { Disposable } from '../../common/lifecycle';
import type { Logger } from '../../common/log';
import { shutdownRequest, stoppingNotification } from '../../protocol/runtimeProtocol';
import { findConfinement } from './confinement';
import { crashError, exitWords } from './exitReason';
import { defaultBeatMs, defaultPatience, hasPulse, Pulse } from './pulse';
import { abandonRuntimeAddress, leaveRuntimeSign, prepareRuntimeAddress } from './runtimeAddress';
import type { RuntimeConnection } from './runtimeConnection';
import { exitCodeTaken, startRuntimeProcess, type RuntimeProcess } from './runtimeProcess';

export interface RuntimeSupervisorOptions {
  readonly entry: string;
  readonly directory: string;
  readonly execPath?: string;
  readonly log: Logger;
  /** Default: what works here, see confinement.ts. */
  readonly confinement?: readonly string[];
  /** How often the engine's pulse is felt, ms; after four beats without an answer it is ended. Default 5000. */
  readonly beatMs?: number;
  /** A call that is out of time and cancelled, and of which nothing is heard for so long, hangs, ms. Default 10 000. */
  readonly settlingMs?: number;
  /** A process that was killed and is still there after this long is let go of, ms. Default 5000. */
  readonly killPatienceMs?: number;
}

export type RuntimeStatus = 'stopped' | 'starting' | 'running' | 'crashed';

/** As VS Code's language client: five crashes in three minutes are no accident. */
const crashLimit = 5;
const crashWindowMs = 3 * 60_000;
/** From spawn to first answer; a cold disk and an antivirus take their time. */
const startDeadlineMs = 30_000;
/** How long a process that was asked to end, or killed, may take, ms. */
const exitPatienceMs = 5000;
/** The exit of our own child is reported a moment after its socket closes. */
const exitNoticeMs = 1000;

export class RuntimeSupervisor implements Disposable {
  readonly #onDidChange = new Emitter<void>();
  /** Status or connection changed. */
  readonly onDidChange: Event<void> = this.#onDidChange.event;
  readonly #onDidConnect = new Emitter<RuntimeConnection>();
  readonly onDidConnect: Event<RuntimeConnection> = this.#onDidConnect.event;

  #connecting: Promise<RuntimeConnection> | undefined;
  #connection: RuntimeConnection | undefined;
  #child: RuntimeProcess | undefined;
  /** It did not start confined, so it is started as it can be. */
  #isUnconfined = false;
  /** When, Unix ms. */
  #crashes: number[] = [];
  #lastWords = 'ended unexpectedly';
  #error: JanError | undefined;
  #disposed = false;

  constructor(private readonly options: RuntimeSupervisorOptions) {}

  get status(): RuntimeStatus {
    if (this.#connection !== undefined) {
      return 'running';
    }
    return this.#connecting !== undefined ? 'starting' : this.#error !== undefined ? 'crashed' : 'stopped';
  }

  get error(): JanError | undefined {
    return this.#error;
  }

  /** The live connection, if any; starts nothing. */
  get current(): RuntimeConnection | undefined {
    return this.#connection;
  }

  /** The connection; starts the process when none runs. @throws JanError `engine-unavailable`, `engine-crashed` */
  lease(): Promise<RuntimeConnection> {
    const connection = this.#connection;
    if (connection?.isClosed === false) {
      return Promise.resolve(connection);
    }
    if (this.#disposed) {
      return Promise.reject(new JanError('engine-unavailable', 'Jan is shutting down in this window.'));
    }
    this.#connecting ??= this.#start(connection).finally(() => {
      this.#connecting = undefined;
      this.#onDidChange.fire();
    });
    return this.#connecting;
  }

  /**
   * Says something to the engine that runs, also when only other windows use it: none is started and no lease stays.
   * Resolves with undefined when none runs. @throws what `call` throws; JanError `engine-unavailable`, `timeout`
   */
  async visit<R>(call: (connection: RuntimeConnection) => Promise<R>): Promise<R | undefined> {
    const leased = this.#connection ?? (await this.#connecting?.catch(() => undefined));
    if (leased !== undefined) {
      return call(leased);
    }
    const guest = await this.#openAsGuest();
    try {
      return guest && (await call(guest));
    } finally {
      guest?.dispose();
    }
  }

  /** Ends the process for every window and starts a new one; earlier crashes are forgiven. */
  async restart(): Promise<void> {
    this.#crashes = [];
    this.#error = undefined;
    await this.#connecting?.catch(() => undefined);
    // One that does not even take a guest is dealt with by the lease.
    const connection = this.#connection ?? (await this.#openAsGuest().catch(() => undefined));
    if (connection !== undefined) {
      const gone = new Promise<void>((resolve) => connection.onDidClose(() => resolve()));
      const shutdown = connection.request(shutdownRequest, { reason: 'The engine was restarted. Send the message again.' });
      // When it does not listen any more, there is no more reason to be polite.
      const politeMs = await shutdown.then(() => exitPatienceMs, () => 0);
      const patience = setTimeout(() => this.#kill(connection), politeMs);
      await gone;
      clearTimeout(patience);
    }
    await this.lease();
  }

  dispose(): void {
    this.#disposed = true;
    this.#connection?.dispose();
  }

  async #openAsGuest(): Promise<RuntimeConnection | undefined> {
    const address = await prepareRuntimeAddress(this.options.directory);
    const { RuntimeConnection } = await import('./runtimeConnection');
    const causeOfDeath = async (): Promise<JanError> => crashError(undefined);
    return RuntimeConnection.open(address, `guest ${process.pid}`, causeOfDeath, this.options.log, this.options.settlingMs).catch((error: unknown) => {
      if (isJanError(error) && error.code !== 'engine-crashed') {
        throw error;
      }
      // Nobody listens, or not for long any more.
      return undefined;
    });
  }

  /** @param ended whose cause is about to be known: what is asked from now on has nothing to do with it */
  async #start(ended: RuntimeConnection | undefined): Promise<RuntimeConnection> {
    if (ended !== undefined) {
      await new Promise<void>((resolve) => ended.onDidClose(() => resolve()));
    }
    this.#onDidChange.fire();
    this.#crashes = this.#crashes.filter((at) => Date.now() - at < crashWindowMs);
    if (this.#crashes.length >= crashLimit) {
      throw (this.#error = new JanError(
        'engine-unavailable',
        `The engine crashed ${this.#crashes.length} times within three minutes and is not started again by itself. ` +
          `Last cause: it ${this.#lastWords}. Try another model, or restart the engine.`,
        { details: { crashes: this.#crashes.length } },
      ));
    }
    await pause(this.#crashes.length < 2 ? 0 : 250 * 2 ** (this.#crashes.length - 1));
    const address = await prepareRuntimeAddress(this.options.directory);
    const deadline = Date.now() + startDeadlineMs;
    for (;;) {
      try {
        return await this.#connect(address);
      } catch (error) {
        if (isJanError(error, 'engine-unavailable')) {
          throw (this.#error = error);
        }
        if (Date.now() > deadline) {
          throw (this.#error = new JanError('engine-unavailable', 'The engine did not start in time. Restart it, or reload the window.', { cause: error }));
        }
        if (isJanError(error, 'timeout') && !(await hasPulse(address, this.options.beatMs ?? defaultBeatMs))) {
          // Someone listens and does not answer: windows that have a lease on it end it; one that has none lets it be.
          this.options.log.warn('The engine that runs does not answer. Another one is started in its place.');
          await abandonRuntimeAddress(address);
          // Where it was ours: it is not waited for.
          this.#child = undefined;
        }
      }
      await this.#waitForListener(address);
    }
  }

  /** Starts a process when none of ours runs; resolves when it listens, has ended, or after a moment. */
  async #waitForListener(address: string): Promise<void> {
    const started = this.#child === undefined;
    const child = (this.#child ??= await this.#startProcess(address));
    if (started) {
      void child.exited.then(() => {
        if (this.#child === child) {
          this.#child = undefined;
        }
      });
    }
    const exit = await Promise.race([
      child.exited,
      // One that listened before and did not take us is about to end, or the socket is another's. Look again soon.
      (started ? child.listening : pause(50)).then(() => undefined),
    ]);
    if (exit !== undefined && exit.code !== exitCodeTaken && !(exit.signal === 'SIGKILL' && !started)) {
      if (child.isConfined) {
        this.options.log.warn(`The engine could not be started confined (it ${exitWords(exit)}), and is started without.`);
        this.#isUnconfined = true;
        return;
      }
      this.#noteCrash(exitWords(exit));
      throw (this.#error = new JanError('engine-unavailable', `The engine could not be started: it ${exitWords(exit)}. See the log for details, or restart it.`, {
        details: { signal: exit.signal, exitCode: exit.code },
      }));
    }
  }

  async #startProcess(address: string): Promise<RuntimeProcess> {
    const { entry, execPath, log, confinement } = this.options;
    const programs = this.#isUnconfined ? [] : (confinement ?? (await findConfinement(log)));
    return startRuntimeProcess({ entry, address, execPath, confinement: programs, log });
  }

  async #connect(address: string): Promise<RuntimeConnection> {
    /** The process, when it is one that this window has started. */
    const opened: { child?: RuntimeProcess; pulse?: Pulse } = {};
    let stopReason: string | undefined;
    /** Why this window has ended the process. */
    let verdict: string | undefined;
    const causeOfDeath = async (): Promise<JanError> => {
      if (this.#disposed) {
        return new JanError('engine-crashed', 'The window let go of the engine.');
      }
      if (stopReason !== undefined) {
        return new JanError('engine-crashed', stopReason, { details: { restarted: true } });
      }
      if (opened.pulse === undefined) {
        // It was about to end when we came: no crash of ours. When it crashes at its start, that shows in its exit.
        return new JanError('engine-crashed', crashError(undefined).message);
      }
      const exit = await Promise.race([opened.child?.exited, pause(exitNoticeMs).then(() => undefined)]);
      const words = verdict ?? (opened.pulse.isHung ? 'did not get on with its work for minutes and was ended' : exitWords(exit));
      this.#noteCrash(words);
      return crashError(exit, words);
    };
    // The protocol's library is loaded with the first connection: it would cost every start of VS Code milliseconds.
    const { RuntimeConnection } = await import('./runtimeConnection');
    const open = await RuntimeConnection.open(address, `window ${process.pid}`, causeOfDeath, this.options.log, this.options.settlingMs);
    opened.child = this.#child?.pid === open.pid ? this.#child : undefined;
    const end = (words: string): void => {
      verdict = words;
      this.options.log.error(`The engine ${words}.`);
      this.#kill(open);
    };
    const { beatMs = defaultBeatMs } = this.options;
    opened.pulse = new Pulse({
      address,
      beatMs,
      onSilence: () => end(`gave no sign of life for ${seconds(beatMs * defaultPatience)} and was ended`),
    });
    open.onDidHang((method) => end(`did not end a call (${method}) in its time and was ended`));
    open.onNotification(stoppingNotification, ({ reason }) => (stopReason = reason));
    open.onDidClose((cause) => {
      opened.pulse?.dispose();
      if (this.#connection === open) {
        this.#connection = undefined;
        if (!this.#disposed && stopReason === undefined) {
          this.#error = cause;
          this.options.log.error(cause.message);
        }
        this.#onDidChange.fire();
      }
    });
    if (this.#disposed) {
      open.dispose();
      throw new JanError('engine-unavailable', 'Jan is shutting down in this window.');
    }
    this.#connection = open;
    this.#error = undefined;
    void leaveRuntimeSign(this.options.directory, address);
    this.#onDidConnect.fire(open);
    return open;
  }

  /**
   * Only ever the process that we talk to. One that even this does not end at once, because the system waits in it for a
   * disk or a graphics card, keeps its sockets open: nobody waits for it, neither the calls to it nor a new process.
   */
  #kill(connection: RuntimeConnection): void {
    killProcess(connection.pid);
    const patience = setTimeout(() => {
      this.options.log.warn(`The engine (process ${connection.pid}) was killed and does not end. It is let go of.`);
      if (this.#child?.pid === connection.pid) {
        this.#child = undefined;
      }
      connection.dispose();
    }, this.options.killPatienceMs ?? exitPatienceMs);
    connection.onDidClose(() => clearTimeout(patience));
  }

  #noteCrash(words: string): void {
    this.#lastWords = words;
    this.#crashes.push(Date.now());
  }
}

function seconds(ms: number): string {
  return `${Math.round(ms / 100) / 10} seconds`;
}

function killProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}

function pause(ms: number): Promise<void> {
  return ms <= 0 ? Promise.resolve() : new Promise((resolve) => setTimeout(resolve, ms));
}
