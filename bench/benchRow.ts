// The shape of a bench row: ours and a reference measured side by side in one run.
// Must not know: how the table is printed.

export interface Measurement {
  /** In `unit`. */
  readonly ours: number;
  /** In `unit`, measured in the same run, interleaved with ours. */
  readonly reference: number;
  /** Anything worth printing beside the row: p99, absolute figures, model size. */
  readonly note?: string;
}

export interface BenchRow {
  readonly id: string;
  /** What is measured, one sentence. */
  readonly title: string;
  readonly unit: string;
  readonly goal: {
    readonly text: string;
    /** `ratio` is ours ÷ reference. */
    isMet(ratio: number, measurement: Measurement): boolean;
  };
  /** @throws BenchSkipped when it cannot be measured here; the reason is printed. */
  measure(): Promise<Measurement>;
}

export class BenchSkipped extends Error {}

export function median(values: readonly number[]): number {
  return percentile(values, 50);
}

/** Nearest-rank percentile, `p` in 0…100. */
export function percentile(values: readonly number[], p: number): number {
  if (values.length === 0) {
    throw new RangeError('percentile of nothing');
  }
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil((p / 100) * sorted.length) - 1))]!;
}
