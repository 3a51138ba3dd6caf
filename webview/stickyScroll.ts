// Keeps a growing list at its end, until the reader scrolls away from it.
// Must not know: what is in the list.

/** px from the end that still count as the end. */
const nearEnd = 32;

export class StickyScroll {
  #isStuck = true;
  #lastTop = 0;
  readonly #observer: ResizeObserver;

  /** @param onChange told when the end is left or reached */
  constructor(
    private readonly scroller: HTMLElement,
    content: HTMLElement,
    private readonly onChange: () => void,
  ) {
    this.#observer = new ResizeObserver(() => this.#follow());
    this.#observer.observe(content);
    this.#observer.observe(scroller);
    scroller.addEventListener('scroll', this.#onScroll, { passive: true });
  }

  get isAtEnd(): boolean {
    return this.#isStuck;
  }

  toEnd(): void {
    this.#set(true);
    this.#follow();
  }

  to(top: number): void {
    this.#set(false);
    this.scroller.scrollTop = top;
  }

  dispose(): void {
    this.#observer.disconnect();
    this.scroller.removeEventListener('scroll', this.#onScroll);
  }

  #follow(): void {
    if (this.#isStuck) {
      this.scroller.scrollTop = this.scroller.scrollHeight;
    }
  }

  readonly #onScroll = (): void => {
    const { scrollTop, scrollHeight, clientHeight } = this.scroller;
    const isUp = scrollTop < this.#lastTop - 1;
    this.#lastTop = scrollTop;
    if (scrollHeight - scrollTop - clientHeight <= nearEnd) {
      this.#set(true);
    } else if (isUp) {
      // Content that grows pushes the end away but never moves up: only the reader does.
      this.#set(false);
    }
  };

  #set(isStuck: boolean): void {
    if (this.#isStuck !== isStuck) {
      this.#isStuck = isStuck;
      this.onChange();
    }
  }
}
