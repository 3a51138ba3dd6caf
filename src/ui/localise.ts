// The one thing that texts need from VS Code, as an interface, so that code which builds texts runs without it.
// `vscode.l10n` has this shape; call it as `l10n.t(…)` so that tools find the strings.
// Must not know: VS Code, services.

export interface Localise {
  /** Translates; `{0}`, `{1}` … are replaced by the arguments. */
  t(message: string, ...args: (string | number | boolean)[]): string;
}

/** English, for tests and tools. */
export const untranslated: Localise = {
  t: (message, ...args) => message.replace(/\{(\d+)\}/g, (whole, index: string) => String(args[Number(index)] ?? whole)),
};
