// Numbers as people read them: sizes, speeds, percent, counts. Decimal units, as file managers and Hugging Face use.
// Must not know: VS Code, services.

const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'] as const;

/** `4.37 GB`; three significant digits. Not a finite size ≥ 0: an empty string. */
export function formatBytes(bytes: number | undefined): string {
  if (bytes === undefined || !Number.isFinite(bytes) || bytes < 0) {
    return '';
  }
  let value = bytes;
  let unit = 0;
  // 999.5 would print as 1000: the next unit already.
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? Math.round(value) : trimNumber(value)} ${units[unit]}`;
}

/** `12.3 MB/s`. */
export function formatSpeed(bytesPerSecond: number | undefined): string {
  const text = formatBytes(bytesPerSecond);
  return text === '' || bytesPerSecond === 0 ? '' : `${text}/s`;
}

/** `43 %`, of a fraction 0…1. Never 100 % before the end, never above it. */
export function formatPercent(fraction: number | undefined): string {
  return fraction === undefined || !Number.isFinite(fraction) ? '' : `${percentOf(fraction)} %`;
}

/** Whole percent of a fraction: 0…100, rounded down so that 100 means done. */
export function percentOf(fraction: number): number {
  return Math.floor(Math.min(1, Math.max(0, fraction)) * 100 + 1e-9);
}

/** `7.25B` weights, `1.2M` downloads, `812`. */
export function formatCount(count: number | undefined): string {
  if (count === undefined || !Number.isFinite(count) || count < 0) {
    return '';
  }
  const steps = [
    [1e12, 'T'],
    [1e9, 'B'],
    [1e6, 'M'],
    [1e3, 'k'],
  ] as const;
  const step = steps.find(([size]) => count >= size * 0.9995);
  return step === undefined ? String(Math.round(count)) : `${trimNumber(count / step[0])}${step[1]}`;
}

/** Context lengths, in binary or decimal thousands: 4096 → `4k`, 131072 → `128k`, 128000 → `128k`, 300 → `300`. */
export function formatTokens(tokens: number | undefined): string {
  if (tokens === undefined || !Number.isFinite(tokens) || tokens <= 0) {
    return '';
  }
  return tokens % 1024 === 0 && tokens % 1000 !== 0 ? `${tokens / 1024}k` : formatCount(tokens);
}

/** `38 t/s`, `4.2 t/s`. */
export function formatTokensPerSecond(speed: number | undefined): string {
  if (speed === undefined || !Number.isFinite(speed) || speed <= 0) {
    return '';
  }
  return `${speed >= 10 ? Math.round(speed) : trimNumber(speed)} t/s`;
}

/** `2 min 5 s`, `1 h 4 min`: how long `bytes` take at `bytesPerSecond`. Unknown: an empty string. */
export function formatRemaining(bytes: number, bytesPerSecond: number | undefined): string {
  if (bytesPerSecond === undefined || !(bytesPerSecond > 0) || !(bytes > 0)) {
    return '';
  }
  const seconds = Math.ceil(bytes / bytesPerSecond);
  if (seconds < 60) {
    return `${seconds} s`;
  }
  const minutes = Math.floor(seconds / 60);
  return minutes < 60 ? `${minutes} min ${seconds % 60} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** Joins what is there with a middle dot. */
export function joinFacts(...facts: readonly (string | undefined)[]): string {
  return facts.filter((fact) => fact !== undefined && fact !== '').join(' · ');
}

/** Makes text from models, files and networks safe inside Markdown: nothing of it is markup, a link or an icon. */
export function escapeMarkdown(text: string): string {
  return text.replace(/[\r\n]+/g, ' ').replace(/[\\`*_{}[\]()#+\-.!|<>~$&]/g, '\\$&');
}

/** VS Code makes `[words](command:…)` in a notification a link that runs the command, whoever wrote the words. */
export function escapeLinks(message: string): string {
  return message.replaceAll('](', '] (');
}

/** `$(name)` is an icon in labels of the status bar and of quick picks, and a model may be called anything. */
export function escapeIcons(name: string): string {
  return name.replaceAll('$(', '$ (');
}

function trimNumber(value: number): string {
  return String(Number(value.toPrecision(3)));
}
