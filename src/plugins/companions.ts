// Finds companion extensions by their manifest, activates each on the first call it has a say in, isolates failures.
// Must not know: what a companion does once active (it registers itself through the API), built-in plugins.

import type { ServiceGroup } from '../api/jan';
import type { Event } from '../common/events';
import { DisposableStore, type Disposable } from '../common/lifecycle';
import type { Logger } from '../common/log';
import { hasSayIn, readCompanionManifest, type CompanionManifest } from './companionManifest';

/** What is needed of `vscode.Extension`. */
export interface InstalledExtension {
  readonly id: string;
  readonly packageJSON: unknown;
  activate(): Thenable<unknown>;
}

export interface CompanionsOptions {
  readonly log: Logger;
  readonly installed: () => readonly InstalledExtension[];
  readonly onDidChangeInstalled: Event<void>;
  /** How long a companion may take to activate before calls go on without it, ms. Default 10,000. */
  readonly deadlineMs?: number;
}

export type CompanionState = 'installed' | 'activating' | 'active' | 'failed';

interface Companion {
  readonly extension: InstalledExtension;
  readonly manifest: CompanionManifest;
  state: CompanionState;
  activation?: Promise<void>;
}

export class Companions implements Disposable {
  readonly #owned = new DisposableStore();
  readonly #deadlineMs: number;
  #companions: ReadonlyMap<string, Companion> | undefined;

  constructor(private readonly options: CompanionsOptions) {
    this.#deadlineMs = options.deadlineMs ?? 10_000;
    this.#owned.add(options.onDidChangeInstalled(() => this.#scan()));
  }

  /** Companions and how far each is, for views. */
  list(): readonly { readonly id: string; readonly state: CompanionState }[] {
    return [...this.#all().values()].map(({ extension, state }) => ({ id: extension.id, state }));
  }

  /**
   * Activates what has a say in `group`; undefined when all of that is settled. A companion that fails is logged and
   * left out; one that hangs is waited for once, up to the deadline.
   */
  prepare(group: ServiceGroup): Promise<void> | undefined {
    const pending: Promise<void>[] = [];
    for (const companion of this.#all().values()) {
      if (companion.state !== 'active' && companion.state !== 'failed' && hasSayIn(companion.manifest, group)) {
        companion.activation ??= this.#activate(companion);
        pending.push(companion.activation);
      }
    }
    return pending.length === 0 ? undefined : Promise.all(pending).then(() => undefined);
  }

  dispose(): void {
    this.#owned.dispose();
  }

  #all(): ReadonlyMap<string, Companion> {
    return this.#companions ?? this.#scan();
  }

  #scan(): ReadonlyMap<string, Companion> {
    const found = new Map<string, Companion>();
    for (const extension of this.options.installed()) {
      const reading = readCompanionManifest(extension.packageJSON);
      if (reading.kind === 'malformed') {
        this.options.log.warn(`${extension.id} is not used: its contributes["x-jan"] is malformed (${reading.reason}).`);
      } else if (reading.kind === 'companion') {
        const known = this.#companions?.get(extension.id);
        found.set(extension.id, known ?? { extension, manifest: reading.manifest, state: 'installed' });
      }
    }
    this.#companions = found;
    return found;
  }

  async #activate(companion: Companion): Promise<void> {
    const { id } = companion.extension;
    companion.state = 'activating';
    let timer: ReturnType<typeof setTimeout> | undefined;
    const deadline = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`no answer within ${this.#deadlineMs} ms`)), this.#deadlineMs);
    });
    try {
      await Promise.race([companion.extension.activate(), deadline]);
      companion.state = 'active';
      this.options.log.info(`Companion ${id} is active.`);
    } catch (error) {
      companion.state = 'failed';
      this.options.log.error(`Companion ${id} could not be activated and is left out`, error);
    } finally {
      clearTimeout(timer);
    }
  }
}
