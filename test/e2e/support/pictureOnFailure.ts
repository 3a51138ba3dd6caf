// Leaves a picture and the console of a window when a test fails. Must not know what is tested.

import fs from 'node:fs';
import path from 'node:path';
import { repositoryRoot } from './devTools';
import type { WorkbenchWindow } from './workbenchWindow';

/** Call it inside `describe`. Files go to `test-results/`, named after the test. */
export function pictureOnFailure(windows: () => readonly WorkbenchWindow[]): void {
  afterEach(async function () {
    const test = this.currentTest;
    if (test?.state !== 'failed') {
      return;
    }
    const name = test.fullTitle().replace(/[^\p{L}\p{N}]+/gu, '-').slice(0, 120);
    for (const [index, window] of windows().entries()) {
      const file = path.join(repositoryRoot, 'test-results', `${name}-${index + 1}`);
      if (window.page.isClosed()) {
        continue;
      }
      try {
        await window.screenshot(`${file}.png`);
        fs.writeFileSync(`${file}.log`, window.consoleLog.map(({ type, text }) => `${type}: ${text}`).join('\n'));
        console.log(`      picture and console: ${file}.{png,log}`);
      } catch (error) {
        console.log(`      no picture of window ${index + 1}: ${String(error)}`);
      }
    }
  });
}
