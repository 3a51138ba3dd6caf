// Decides which VS Code the host tests run in. It must not know what is tested.

import path from 'node:path';
import { repositoryRoot } from '../../scripts/dev/node24.mjs';

const updateService = 'https://update.code.visualstudio.com/api/releases/stable';
const answerWithinMs = 5_000;

/** The script that stands in for the executable of desktop VS Code. */
export const launcher = path.join(repositoryRoot, 'scripts', 'dev', 'vscodeLauncher.mjs');

/**
 * `JAN_VSCODE` decides: `desktop`, `server`, or the path of a VS Code executable. Without it: desktop VS Code where it
 * can be downloaded and shown, else the server.
 *
 * @returns {Promise<{ executable: string | undefined, reason: string }>} no executable: let test-electron download one
 */
export async function chooseVSCode() {
  const wish = process.env.JAN_VSCODE;
  if (wish === 'server') {
    return { executable: launcher, reason: 'the VS Code server, because JAN_VSCODE=server' };
  }
  if (wish === 'desktop') {
    return { executable: undefined, reason: 'desktop VS Code, because JAN_VSCODE=desktop' };
  }
  if (wish) {
    return { executable: path.resolve(wish), reason: `${wish}, because JAN_VSCODE says so` };
  }
  if (process.platform === 'linux' && !process.env.DISPLAY && !process.env.WAYLAND_DISPLAY) {
    return { executable: launcher, reason: 'the VS Code server, because there is no display for desktop VS Code' };
  }
  try {
    const answer = await fetch(updateService, { signal: AbortSignal.timeout(answerWithinMs) });
    if (!answer.ok || !Array.isArray(await answer.json())) {
      throw new Error(`it answered with status ${answer.status}`);
    }
    return { executable: undefined, reason: 'desktop VS Code, downloaded' };
  } catch (error) {
    const cause = error.cause?.code ?? error.message;
    const reason = `the VS Code server, because desktop VS Code cannot be downloaded here (${cause})`;
    if (process.platform === 'win32') {
      throw new Error(`Desktop VS Code cannot be downloaded (${cause}). Connect, or name one with JAN_VSCODE.`, {
        cause: error,
      });
    }
    return { executable: launcher, reason };
  }
}
