// The logger every part is handed. Never log message text, tokens or secrets: only ids, sizes, codes and times.
// Must not know: VS Code (its LogOutputChannel has this shape), where lines go.

export interface Logger {
  trace(message: string, ...details: unknown[]): void;
  debug(message: string, ...details: unknown[]): void;
  info(message: string, ...details: unknown[]): void;
  warn(message: string, ...details: unknown[]): void;
  error(message: string, ...details: unknown[]): void;
}

const ignore = (): void => undefined;

/** For tests and tools that want silence. */
export const nullLogger: Logger = { trace: ignore, debug: ignore, info: ignore, warn: ignore, error: ignore };
