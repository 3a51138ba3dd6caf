// What the window's thread and the store's thread say to each other.
// Must not know: how either side works.

import type { JanErrorWire } from '../../common/errors';
import type { StoreEvent } from './changeEvents';
import type { DataStore } from './dataStore';

/** What both the store and its stand-in in the window can do. All arguments and results can be copied. */
export type Store = Pick<DataStore, keyof DataStore>;
export type StoreMethod = Exclude<keyof Store, 'damage' | 'close'>;

/** How the thread is started. */
export interface StoreThreadOptions {
  readonly directory: string;
  readonly wasmPath?: string;
  readonly snapshotWorkerPath?: string;
  readonly compactAt?: number;
}

export type ToStoreThread =
  | { readonly type: 'call'; readonly id: number; readonly method: StoreMethod; readonly args: readonly unknown[] }
  /** The last part was taken in: send the next one. */
  | { readonly type: 'next'; readonly id: number }
  /** Finish what was begun, and end. */
  | { readonly type: 'close' };

export type FromStoreThread =
  | { readonly type: 'result'; readonly id: number; readonly value: unknown }
  /** Of a long list; the parts in order make the whole. `last`: the result is complete. */
  | { readonly type: 'part'; readonly id: number; readonly items: readonly unknown[]; readonly last: boolean }
  | { readonly type: 'error'; readonly id: number; readonly error: JanErrorWire }
  | { readonly type: 'event'; readonly event: StoreEvent }
  | { readonly type: 'log'; readonly level: 'debug' | 'info' | 'warn' | 'error'; readonly text: string };
