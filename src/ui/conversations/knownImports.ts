// Where other programs keep their conversations on this machine, so that they need not be looked for.
// Must not know: what is in them (the import tells by their content).

import * as os from 'node:os';
import * as path from 'node:path';
import { exists } from './places';

export interface KnownImport {
  readonly name: string;
  readonly folder: string;
}

/** Those that are there. From Jan's and Continue's documentation of their data folders. */
export async function findKnownImports(
  home = os.homedir(),
  environment: NodeJS.ProcessEnv = process.env,
  platform: NodeJS.Platform = process.platform,
): Promise<KnownImport[]> {
  const data = {
    win32: environment['APPDATA'] ?? path.join(home, 'AppData', 'Roaming'),
    darwin: path.join(home, 'Library', 'Application Support'),
  }[platform as string];
  const dataFolders = data === undefined ? [environment['XDG_DATA_HOME'] ?? path.join(home, '.local', 'share'), environment['XDG_CONFIG_HOME'] ?? path.join(home, '.config')] : [data];
  const candidates: KnownImport[] = [
    ...dataFolders.map((folder) => ({ name: 'Jan Desktop', folder: path.join(folder, 'Jan', 'data', 'threads') })),
    { name: 'Jan Desktop', folder: path.join(home, 'jan', 'threads') },
    { name: 'Continue', folder: path.join(home, '.continue', 'sessions') },
  ];
  const found = await Promise.all(candidates.map(async (candidate) => ((await exists(candidate.folder)) ? [candidate] : [])));
  return found.flat();
}
