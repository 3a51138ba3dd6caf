// `npm run screenshots`: makes the pictures of README.md from the running product, each in a fresh profile.
// It must not know what is on them. Usage: npm run screenshots -- [--only chat,welcome] [--into folder]

import fs from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { pathToFileURL } from 'node:url';
import { repositoryRoot, requireNode24 } from './node24.mjs';
import { scenes } from './scenes.mjs';

await requireNode24();
process.chdir(repositoryRoot);
const { values } = parseArgs({
  options: { only: { type: 'string' }, into: { type: 'string', default: 'media/screenshots' } },
});
const only = values.only?.split(',');
const chosen = scenes.filter((scene) => !only || only.includes(scene.name));
if (chosen.length === 0) {
  console.error(`No such scene. There are: ${scenes.map((scene) => scene.name).join(', ')}.`);
  process.exit(2);
}
const startWorkbench = await loadWorkbench();
const workspaceFolder = sampleWorkspace();
let failed = 0;
for (const scene of chosen) {
  const workbench = await startWorkbench({
    extensions: [repositoryRoot],
    workspaceFolder,
    settings: scene.settings,
    viewport: scene.viewport,
  });
  const file = path.resolve(values.into, `${scene.name}.png`);
  let window;
  try {
    window = await workbench.openWindow();
    await scene.play(window);
    // The mouse would leave a hover on the picture.
    await window.page.mouse.move(scene.viewport.width / 2, scene.viewport.height / 2);
    await window.screenshot(file);
    console.log(`${scene.name}: ${path.relative(repositoryRoot, file)}`);
  } catch (error) {
    failed += 1;
    console.error(`${scene.name}: ${error.message}`);
    await window?.screenshot(path.join('test-results', `screenshot-${scene.name}.png`)).catch(() => {});
  } finally {
    await workbench.stop();
  }
}
process.exit(failed > 0 ? 1 : 0);

/** The library of the end-to-end tests is TypeScript: it is bundled as the tests are. */
async function loadWorkbench() {
  const { build } = await import('esbuild');
  const outfile = path.join(repositoryRoot, 'dist', 'test', 'workbench.mjs');
  await build({
    entryPoints: [path.join(repositoryRoot, 'test', 'e2e', 'support', 'workbench.ts')],
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node22',
    format: 'esm',
    packages: 'external',
    logLevel: 'warning',
  });
  return (await import(pathToFileURL(outfile).href)).startWorkbench;
}

function sampleWorkspace() {
  const folder = path.join(repositoryRoot, 'test-results', 'sample');
  fs.mkdirSync(folder, { recursive: true });
  fs.writeFileSync(path.join(folder, 'hello.py'), 'print("Hello")\n');
  return folder;
}
