// The repository's scripts that end-to-end tests stand on. They find files relative to themselves, so they are loaded
// from where they lie and never bundled. Must not know how they are used.

import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type * as browserModule from '../../../scripts/dev/browser.mjs';
import type * as serverModule from '../../../scripts/dev/vscodeServer.mjs';

export type { ProcessEntry } from '../../../scripts/dev/processTree.mjs';
export type { VSCodeServer } from '../../../scripts/dev/vscodeServer.mjs';

/** Tests are started in the repository's root, by `npm test` and by F5 alike. */
export const repositoryRoot = process.cwd();

const load = async <T>(name: string): Promise<T> =>
  (await import(pathToFileURL(path.join(repositoryRoot, 'scripts', 'dev', name)).href)) as T;

export const { installVsix, startVSCodeServer, windowUrl } = await load<typeof serverModule>('vscodeServer.mjs');
export const { launchBrowser } = await load<typeof browserModule>('browser.mjs');
