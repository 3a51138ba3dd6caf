// One downloader process: started, told its job, listened to, stopped. Every message of it is checked.
// Must not know: the store, what is downloaded, VS Code.

import { fork, type ChildProcess } from 'node:child_process';
import { JanError } from '../../common/errors';
import type { Disposable } from '../../common/lifecycle';
import type { Logger } from '../../common/log';
import { parseDownloadEvent, type DownloadEventMessage, type DownloadJob, type DownloadRequestMessage } from '../../protocol/downloadProtocol';

export interface DownloaderProcessOptions {
  readonly entry: string;
  readonly execPath?: string;
  readonly log: Logger;
  readonly job: DownloadJob;
  /** URL of a proxy that connections go through. Default: the environment's. */
  readonly proxy?: string;
  readonly onEvent: (event: DownloadEventMessage) => void;
  /** Once, after the last event; `undefined` when the process ended as it should, after `done`, `stopped` and such. */
  readonly onExit: (failure: JanError | undefined) => void;
}

/** From fork to its first message, ms. */
const startDeadlineMs = 20_000;
/** From `stop` to the end of the process, ms; then it is killed. */
const stopDeadlineMs = 3_000;

/** What the child needs to run at all, and to get through a proxy; nothing else of our environment, no secrets. */
const passedVariables = /^(path|systemroot|windir|comspec|temp|tmp|tmpdir|home|userprofile|lang|lc_.*|(https?|all|no)_proxy|ssl_cert_(file|dir)|node_extra_ca_certs)$/i;

/** @param proxy VS Code's own setting; wins over the variables */
export function childEnvironment(environment: NodeJS.ProcessEnv, proxy?: string): NodeJS.ProcessEnv {
  const passed = Object.entries(environment).filter(([name]) => passedVariables.test(name));
  // ELECTRON_RUN_AS_NODE: VS Code's own program runs the child. NODE_USE_ENV_PROXY: fetch honours the proxy variables.
  const chosen = proxy === undefined ? {} : { HTTPS_PROXY: proxy, HTTP_PROXY: proxy, https_proxy: proxy, http_proxy: proxy };
  return { ...Object.fromEntries(passed), ...chosen, ELECTRON_RUN_AS_NODE: '1', NODE_USE_ENV_PROXY: '1' };
}

export class DownloaderProcess implements Disposable {
  readonly #child: ChildProcess;
  readonly #exited: Promise<void>;
  readonly #startTimer: NodeJS.Timeout;
  #ended = false;

  constructor(private readonly options: DownloaderProcessOptions) {
    const { entry, execPath, log } = options;
    this.#child = fork(entry, [], {
      execPath: execPath ?? process.execPath,
      execArgv: [],
      env: childEnvironment(process.env, options.proxy),
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      serialization: 'json',
    });
    let complaint = '';
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      complaint = (complaint + text).slice(-2000);
    });
    this.#child.on('message', (message) => this.#receive(message));
    this.#exited = new Promise((resolve) => {
      const finish = (reason: string): void => {
        clearTimeout(this.#startTimer);
        if (complaint.trim() !== '') {
          log.warn(`The downloader wrote: ${complaint.trim().slice(0, 500)}`);
        }
        options.onExit(this.#ended ? undefined : crashed(reason));
        resolve();
      };
      this.#child.once('error', (error) => finish(error.message));
      this.#child.once('exit', (code, signal) => finish(signal ?? `exit code ${code}`));
    });
    this.#startTimer = setTimeout(() => this.#child.kill('SIGKILL'), startDeadlineMs);
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Resolves when the process is gone. */
  async stop(keepPartial: boolean): Promise<void> {
    this.#send({ type: 'stop', keepPartial });
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), stopDeadlineMs);
    await this.#exited;
    clearTimeout(timer);
  }

  /** The child sees the channel close, keeps what has arrived, and ends by itself within a second. */
  dispose(): void {
    this.#ended = true;
    if (this.#child.connected) {
      this.#child.disconnect();
    }
    this.#child.unref();
  }

  #receive(message: unknown): void {
    const event = parseDownloadEvent(message);
    if (event === undefined) {
      this.options.log.warn('The downloader sent something that is not of its protocol');
      return;
    }
    if (event.type === 'ready') {
      clearTimeout(this.#startTimer);
      this.#send({ type: 'start', job: this.options.job });
      return;
    }
    if (event.type === 'done' || event.type === 'failed' || event.type === 'stopped' || event.type === 'busy') {
      this.#ended = true;
    }
    this.options.onEvent(event);
  }

  #send(message: DownloadRequestMessage): void {
    if (this.#child.connected) {
      this.#child.send(message, () => undefined);
    }
  }
}

function crashed(reason: string): JanError {
  return new JanError('download-failed', `The download process ended unexpectedly (${reason}). What has arrived is kept: resume the download.`, {
    details: { reason },
  });
}
