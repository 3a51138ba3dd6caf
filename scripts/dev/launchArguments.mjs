// Reads the part of VS Code's command line that matters to the launcher. It must not know how VS Code is started.

import path from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * @typedef {{
 *   extensions: string[], tests: string | undefined, folder: string | undefined,
 *   userDataDir: string | undefined, extensionsDir: string | undefined
 * }} LaunchArguments absolute paths
 */

/** Options whose value may come as the next argument. All others either carry it after `=` or have none. */
const takesValue = new Set([
  ...['extensionDevelopmentPath', 'extensionTestsPath', 'user-data-dir', 'extensions-dir', 'folder-uri', 'file-uri'],
  ...['log', 'locale', 'profile', 'profile-temp', 'enable-proposed-api', 'disable-extension', 'install-extension'],
]);

/**
 * @param {string[]} args VS Code's own arguments; those that do not matter here are ignored
 * @param {string} [cwd]
 * @returns {LaunchArguments}
 */
export function parseLaunchArguments(args, cwd = process.cwd()) {
  const result = {
    extensions: [],
    tests: undefined,
    folder: undefined,
    userDataDir: undefined,
    extensionsDir: undefined,
  };
  const absolute = (value) => (value.startsWith('file:') ? fileURLToPath(value) : path.resolve(cwd, value));
  const rest = [...args];
  for (let argument = rest.shift(); argument !== undefined; argument = rest.shift()) {
    if (!argument.startsWith('-')) {
      result.folder ??= absolute(argument);
      continue;
    }
    const [, name, inline] = /^--?([^=]+)(?:=([\s\S]*))?$/.exec(argument) ?? [];
    if (name === undefined) {
      continue;
    }
    const next = takesValue.has(name) && rest[0] !== undefined && !rest[0].startsWith('-');
    const value = inline ?? (next ? rest.shift() : undefined);
    if (value === undefined) {
      continue;
    }
    switch (name) {
      case 'extensionDevelopmentPath':
        result.extensions.push(absolute(value));
        break;
      case 'extensionTestsPath':
        result.tests = absolute(value);
        break;
      case 'user-data-dir':
        result.userDataDir = absolute(value);
        break;
      case 'extensions-dir':
        result.extensionsDir = absolute(value);
        break;
      case 'folder-uri':
        result.folder ??= absolute(value);
        break;
    }
  }
  return result;
}
