// Spreads drawing over frames, so that no frame of the page works longer than a few milliseconds on it.
// Must not know: what is drawn.

export interface RenderJob {
  /** Draws; may be called again later with newer content. */
  render(): void;
  /** Is it (nearly) in sight? Those go first. */
  isInSight(): boolean;
}

const budgetMs = 6;

export class RenderQueue {
  readonly #jobs = new Set<RenderJob>();
  #isScheduled = false;

  add(job: RenderJob): void {
    this.#jobs.add(job);
    this.#schedule();
  }

  remove(job: RenderJob): void {
    this.#jobs.delete(job);
  }

  #schedule(): void {
    if (!this.#isScheduled && this.#jobs.size > 0) {
      this.#isScheduled = true;
      requestAnimationFrame(() => this.#run());
    }
  }

  #run(): void {
    this.#isScheduled = false;
    const started = performance.now();
    // The newest is the likeliest to be looked at.
    const jobs = [...this.#jobs].reverse();
    const inSight = jobs.filter((job) => job.isInSight());
    for (const job of [...inSight, ...jobs.filter((one) => !inSight.includes(one))]) {
      this.#jobs.delete(job);
      job.render();
      if (performance.now() - started > budgetMs) {
        break;
      }
    }
    this.#schedule();
  }
}
