// Counts of conversations and messages in words, shared by the commands on them.
// Must not know: VS Code, services.

import type { Localise } from '../localise';

export function conversationsText(count: number, l10n: Localise): string {
  return count === 1 ? l10n.t('1 conversation') : l10n.t('{0} conversations', count);
}

export function messagesText(count: number, l10n: Localise): string {
  return count === 1 ? l10n.t('1 message') : l10n.t('{0} messages', count);
}

/** `2026-11-26`, of this machine's day: for names of files and short lists. */
export function dayText(at: number): string {
  const date = new Date(at);
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

/** A file name that every system takes. */
export function fileNameFrom(name: string, fallback: string): string {
  const plain = name
    // eslint-disable-next-line no-control-regex -- they are what is taken out
    .replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029<>:"/\\|?*]+/g, ' ')
    .replace(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, '')
    .replace(/\s+/g, ' ')
    .trim();
  const short = [...plain].slice(0, 80).join('').replace(/[. ]+$/, '').trim();
  return /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i.test(short) || short === '' ? fallback : short;
}
