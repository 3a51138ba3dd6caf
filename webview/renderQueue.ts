// Spreads drawing over frames: what is in sight is drawn first, a few milliseconds a frame; the rest when idle.
// Must not know: what is drawn.

export interface RenderJob extends Element {
  /** Draws; may be called again later with newer content. */
  render(): void;
}

const budgetMs = 6;
/** How far out of sight still counts as in sight. */
const margin = '300px';

export class RenderQueue {
  readonly #jobs = new Set<RenderJob>();
  /** Absent: not known yet. */
  readonly #isInSight = new WeakMap<Element, boolean>();
  #observer: IntersectionObserver | undefined;
  #frame = 0;
  #idle = 0;

  add(job: RenderJob): void {
    this.#jobs.delete(job);
    this.#jobs.add(job);
    this.#schedule();
  }

  /** The element is on the page: from now on it is known whether it is in sight. */
  observe(job: RenderJob): void {
    this.#observer ??= new IntersectionObserver((entries) => this.#onSight(entries), { rootMargin: margin });
    this.#observer.observe(job);
  }

  remove(job: RenderJob): void {
    this.#jobs.delete(job);
    this.#isInSight.delete(job);
    this.#observer?.unobserve(job);
  }

  #onSight(entries: readonly IntersectionObserverEntry[]): void {
    for (const { target, isIntersecting } of entries) {
      this.#isInSight.set(target, isIntersecting);
    }
    this.#schedule();
  }

  #schedule(): void {
    if (this.#jobs.size === 0) {
      return;
    }
    if (this.#frame === 0) {
      this.#frame = requestAnimationFrame(() => {
        this.#frame = 0;
        this.#drawInSight();
      });
    }
  }

  #drawInSight(): void {
    const until = performance.now() + budgetMs;
    // The newest is the likeliest to be looked at, also before it is known.
    const jobs = [...this.#jobs].reverse().filter((job) => this.#isInSight.get(job) !== false);
    for (const [index, job] of jobs.entries()) {
      this.#draw(job);
      if (performance.now() > until && index < jobs.length - 1) {
        this.#schedule();
        return;
      }
    }
    this.#drawRestWhenIdle();
  }

  #drawRestWhenIdle(): void {
    if (this.#jobs.size > 0 && this.#idle === 0) {
      this.#idle = requestIdleCallback((deadline) => {
        this.#idle = 0;
        do {
          const job = [...this.#jobs].at(-1);
          if (job === undefined) {
            return;
          }
          this.#draw(job);
        } while (deadline.timeRemaining() > budgetMs / 2);
        this.#drawRestWhenIdle();
      });
    }
  }

  #draw(job: RenderJob): void {
    this.#jobs.delete(job);
    job.render();
  }
}
