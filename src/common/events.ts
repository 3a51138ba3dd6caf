// Typed events of the same shape as VS Code's, usable outside it (core, builtin, gateway, webview).
// Must not know: VS Code, services.

import { toDisposable, type Disposable } from './lifecycle';

/** Same call shape as `vscode.Event<T>`. */
export type Event<T> = (listener: (event: T) => unknown, thisArgs?: unknown, disposables?: Disposable[]) => Disposable;

export class Emitter<T> implements Disposable {
  readonly #listeners = new Set<(event: T) => unknown>();

  /** @param onListenerError told of a listener that throws; the others are still called. */
  constructor(private readonly onListenerError: (error: unknown) => void = () => undefined) {}

  readonly event: Event<T> = (listener, thisArgs, disposables) => {
    const bound = (event: T): unknown => listener.call(thisArgs, event);
    this.#listeners.add(bound);
    const subscription = toDisposable(() => this.#listeners.delete(bound));
    disposables?.push(subscription);
    return subscription;
  };

  get hasListeners(): boolean {
    return this.#listeners.size > 0;
  }

  fire(event: T): void {
    for (const listener of [...this.#listeners]) {
      try {
        listener(event);
      } catch (error) {
        this.onListenerError(error);
      }
    }
  }

  dispose(): void {
    this.#listeners.clear();
  }
}

/** Resolves with the first event that satisfies `accepts`; rejects with the signal's reason when aborted. */
export function onceEvent<T>(event: Event<T>, accepts: (value: T) => boolean, signal?: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const onAbort = (): void => {
      subscription.dispose();
      reject(signal?.reason instanceof Error ? signal.reason : new Error('Cancelled.'));
    };
    const subscription = event((value) => {
      if (accepts(value)) {
        subscription.dispose();
        signal?.removeEventListener('abort', onAbort);
        resolve(value);
      }
    });
    if (signal?.aborted === true) {
      onAbort();
    } else {
      signal?.addEventListener('abort', onAbort, { once: true });
    }
  });
}
