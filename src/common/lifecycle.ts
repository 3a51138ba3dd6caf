// Ownership of things that must be released: one store per owner, disposed in reverse order.
// Must not know: VS Code (its Disposable has the same shape), services.

export interface Disposable {
  dispose(): void;
}

export function toDisposable(release: () => void): Disposable {
  let released = false;
  return {
    dispose() {
      if (!released) {
        released = true;
        release();
      }
    },
  };
}

/** Holds what an owner must release. Late arrivals are released at once, so a race at shutdown leaks nothing. */
export class DisposableStore implements Disposable {
  readonly #items: Disposable[] = [];
  #disposed = false;

  get isDisposed(): boolean {
    return this.#disposed;
  }

  /** Takes ownership and returns what it was given. */
  add<T extends Disposable>(item: T): T {
    if (this.#disposed) {
      item.dispose();
    } else {
      this.#items.push(item);
    }
    return item;
  }

  /** Releases everything, last in first out. One failing item does not keep the others; the first error is rethrown. */
  dispose(): void {
    this.#disposed = true;
    const failures: unknown[] = [];
    for (let item = this.#items.pop(); item !== undefined; item = this.#items.pop()) {
      try {
        item.dispose();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) {
      throw failures[0];
    }
  }
}
