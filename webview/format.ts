// Small texts: places filled, durations, counts, days.
// Must not know: the page, the host.

/** Fills `{0}`, `{1}` … of a localised text. */
export function fill(template: string, ...values: readonly (string | number)[]): string {
  return template.replace(/\{(\d)\}/g, (place, index: string) => String(values[Number(index)] ?? place));
}

/** `340 ms`, `1.2 s`, `2:05 min`. */
export function formatDuration(ms: number): string {
  if (ms < 1000) {
    return `${Math.round(ms)} ms`;
  }
  if (ms < 60_000) {
    return `${(ms / 1000).toFixed(1)} s`;
  }
  const seconds = Math.round(ms / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')} min`;
}

/** `0.8`, `38`, `1,240` in the page's language. */
export function formatSpeed(perSecond: number, language?: string): string {
  return new Intl.NumberFormat(language, { maximumFractionDigits: perSecond < 10 ? 1 : 0 }).format(perSecond);
}

/** `840`, `1.2K`, `33K` in the page's language. */
export function formatCount(count: number, language?: string): string {
  return new Intl.NumberFormat(language === '' ? undefined : language, { notation: 'compact', maximumFractionDigits: count < 10_000 ? 1 : 0 }).format(count);
}

/** Words as a reader would count them, in any script. */
export function countWords(text: string, language?: string): number {
  let words = 0;
  for (const part of new Intl.Segmenter(language, { granularity: 'word' }).segment(text)) {
    words += part.isWordLike === true ? 1 : 0;
  }
  return words;
}

/** A day, short, in the page's language; without the year while it is this one. */
export function formatDay(at: number, language?: string, now = Date.now()): string {
  const isThisYear = new Date(at).getFullYear() === new Date(now).getFullYear();
  const locale = language === '' ? undefined : language;
  return new Intl.DateTimeFormat(locale, { day: 'numeric', month: 'short', ...(isThisYear ? {} : { year: 'numeric' }) }).format(at);
}

export type DayGroup = 'today' | 'yesterday' | 'lastWeek' | 'older';

/** By calendar days of this machine. */
export function dayGroupOf(at: number, now: number): DayGroup {
  const midnight = new Date(now);
  midnight.setHours(0, 0, 0, 0);
  const dayMs = 86_400_000;
  if (at >= midnight.getTime()) {
    return 'today';
  }
  if (at >= midnight.getTime() - dayMs) {
    return 'yesterday';
  }
  return at >= midnight.getTime() - 7 * dayMs ? 'lastWeek' : 'older';
}
