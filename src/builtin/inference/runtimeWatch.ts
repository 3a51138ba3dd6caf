// Follows an engine that other windows use, without using it: it starts none, keeps none alive and asks nothing again and
// again. The folder of the engine's socket tells that one has come, the connection to it what it does and when it has gone.
// Must not know: leases, models, why an engine ends.

import { watch, type FSWatcher } from 'node:fs';
import { connect, type Socket } from 'node:net';
import path from 'node:path';
import * as v from 'valibot';
import { Emitter, type Event } from '../../common/events';
import type { Disposable } from '../../common/lifecycle';
import type { Logger } from '../../common/log';
import { pulseBytes, watchedStateSchema, type WatchedState } from '../../protocol/runtimeProtocol';
import { prepareRuntimeAddress, runtimeSign } from './runtimeAddress';

/** A first answer that takes longer is not waited for: the engine is stopped, and tells of itself when it goes on, ms. */
const firstAnswerMs = 500;
/** Characters. */
const longestLine = 4 * 1024 * 1024;

export class RuntimeWatch implements Disposable {
  readonly #onDidChange = new Emitter<void>();
  /** Another state, or none any more. */
  readonly onDidChange: Event<void> = this.#onDidChange.event;
  #state: WatchedState | undefined;
  #address: Promise<string | undefined> | undefined;
  #folder: FSWatcher | undefined;
  /** The connection that tells the state. */
  #socket: Socket | undefined;
  /** One that has not told anything yet. */
  #opening: Socket | undefined;
  #looking: Promise<void> | undefined;
  /** Someone has looked. */
  #isWanted = false;
  /** This window has a lease and hears everything there. */
  #isPaused = false;
  #disposed = false;

  constructor(
    private readonly directory: string,
    private readonly log: Logger,
  ) {}

  /** Of an engine that runs; absent too while paused. */
  get state(): WatchedState | undefined {
    return this.#state;
  }

  /** Begins to follow, if it has not yet. Resolves when it is known whether an engine runs. Never rejects. */
  async look(): Promise<void> {
    this.#isWanted = true;
    const isFollowed = this.#looking === undefined && (this.#folder !== undefined || this.#socket !== undefined);
    if (this.#disposed || this.#isPaused || isFollowed) {
      return;
    }
    await (this.#looking ??= this.#begin().finally(() => (this.#looking = undefined)));
  }

  /** Lets go of the engine's state, until `resume`: it is heard elsewhere. */
  pause(): void {
    this.#isPaused = true;
    this.#let();
  }

  resume(): void {
    this.#isPaused = false;
    if (this.#isWanted) {
      void (this.#folder === undefined ? this.look() : this.#join());
    }
  }

  dispose(): void {
    this.#disposed = true;
    this.#folder?.close();
    this.#folder = undefined;
    this.#let();
  }

  async #begin(): Promise<void> {
    this.#address ??= prepareRuntimeAddress(this.directory).catch((error: unknown) => {
      this.log.debug(`Whether other windows run a model is not known: ${String(error)}`);
      this.#address = undefined;
      return undefined;
    });
    const address = await this.#address;
    if (address === undefined || this.#disposed) {
      return;
    }
    try {
      const { folder, name } = await runtimeSign(this.directory, address);
      this.#follow(folder, name);
    } catch (error) {
      // Out of watches, or the folder has gone: it is tried again when someone looks again.
      this.log.debug(`The engine's folder cannot be watched: ${String(error)}`);
    }
    await this.#join();
  }

  #follow(folder: string, name: string): void {
    if (this.#disposed) {
      return;
    }
    const watcher = (this.#folder ??= watch(folder, { persistent: false }));
    const end = (): void => {
      watcher.close();
      if (this.#folder === watcher) {
        this.#folder = undefined;
        this.#address = undefined;
      }
    };
    watcher.on('error', end);
    watcher.on('change', (_kind, changed) => {
      if (changed === path.basename(folder)) {
        // Its own name: someone has removed it, perhaps to tidy up.
        end();
        void this.#begin();
      } else if (changed === null || changed === name) {
        void this.#join();
      }
    });
  }

  /** Asks whoever listens. What is known stays until another one answers, or its connection ends. */
  async #join(): Promise<void> {
    const address = await this.#address;
    if (address === undefined || this.#disposed || this.#isPaused) {
      return;
    }
    this.#opening?.destroy();
    const socket = (this.#opening = connect(address));
    socket.unref();
    socket.setEncoding('utf8');
    socket.once('connect', () => socket.write(Uint8Array.of(pulseBytes.beat, pulseBytes.watch)));
    let text = '';
    const answered = new Promise<void>((resolve) => {
      const patience = setTimeout(resolve, firstAnswerMs);
      const done = (): void => {
        clearTimeout(patience);
        resolve();
      };
      socket.on('data', (piece: string) => {
        const lines = (text + piece).split('\n');
        text = lines.pop()!;
        const newest = lines.at(-1);
        // A beat is the answer of an engine that knows no watches.
        if (text.length > longestLine || text.startsWith('.') || (newest !== undefined && !this.#hear(socket, newest))) {
          socket.destroy();
        }
        if (newest !== undefined) {
          done();
        }
      });
      socket.once('close', done);
    });
    socket.on('error', () => undefined);
    socket.once('close', () => {
      if (this.#opening === socket) {
        this.#opening = undefined;
      }
      if (this.#socket === socket) {
        this.#socket = undefined;
        this.#set(undefined);
      }
    });
    await answered;
  }

  /** @returns false when it is not understood: another version's */
  #hear(socket: Socket, line: string): boolean {
    const parsed = v.safeParse(watchedStateSchema, parseJson(line));
    if (parsed.success) {
      if (this.#opening === socket) {
        const before = this.#socket;
        this.#opening = undefined;
        this.#socket = socket;
        before?.destroy();
      }
      this.#set(parsed.output);
    }
    return parsed.success;
  }

  #let(): void {
    this.#opening?.destroy();
    this.#opening = undefined;
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.destroy();
    this.#state = undefined;
  }

  #set(state: WatchedState | undefined): void {
    this.#state = state;
    if (!this.#disposed) {
      this.#onDidChange.fire();
    }
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
