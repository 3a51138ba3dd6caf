import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import * as ids from '../../../src/ui/ids';

/** As much of a manifest as is broken below. */
interface Manifest {
  icon: string;
  contributes: {
    commands: { command: string; title: string; enablement?: string }[];
    menus: Record<string, { command: string }[]>;
    configuration: { properties: Record<string, { scope?: string }> };
    walkthroughs: { steps: { completionEvents: string[] }[] }[];
  };
  capabilities: { untrustedWorkspaces: { restrictedConfigurations: string[] } };
}

type CheckManifest = (input: { manifest: Manifest; nls: Record<string, string>; ids: unknown; fileExists(path: string): boolean }) => string[];

describe('checkManifest', () => {
  let checkManifest: CheckManifest;
  let manifest: Manifest;
  let nls: Record<string, string>;

  before(async () => {
    const script = pathToFileURL(resolve('scripts/checkManifest.mjs')).href;
    ({ checkManifest } = (await import(script)) as { checkManifest: CheckManifest });
  });

  beforeEach(() => {
    manifest = JSON.parse(readFileSync('package.json', 'utf8')) as Manifest;
    nls = JSON.parse(readFileSync('package.nls.json', 'utf8')) as Record<string, string>;
  });

  const check = (): string[] => checkManifest({ manifest, nls, ids, fileExists: (path) => existsSync(path) });

  it('finds nothing to say about the manifest as it is', () => {
    assert.deepEqual(check(), []);
  });

  it('takes every setting that another file might read from package.json', () => {
    const settings = Object.keys(manifest.contributes.configuration.properties);
    assert.deepEqual([...settings].sort(), Object.values(ids.settingIds).sort());
  });

  const breakages: readonly (readonly [string, () => void, RegExp])[] = [
    ['a command that is only in the code', () => manifest.contributes.commands.pop(), /Command jan\.openWalkthrough is in ids\.ts but not in package\.json/],
    ['a command that is only in the manifest', () => manifest.contributes.commands.push({ command: 'jan.extra', title: '%command.category%' }), /Command jan\.extra is in package\.json but not in ids\.ts/],
    ['a command declared twice', () => manifest.contributes.commands.push(...manifest.contributes.commands.slice(0, 1)), /declared twice/],
    ['a menu with an unknown command', () => manifest.contributes.menus['view/title']?.push({ command: 'jan.nothing' }), /Menu view\/title names the unknown command jan\.nothing/],
    ['a clause with an unknown context key', () => Object.assign(manifest.contributes.commands[0] ?? {}, { enablement: 'jan.unknownKey' }), /unknown context key or view jan\.unknownKey/],
    ['a text without a key', () => Object.assign(manifest.contributes.commands[0] ?? {}, { title: 'Open' }), /should be a %key%/],
    ['a key without a text', () => delete nls['command.openChat.title'], /command\.openChat\.title% .* is not in package\.nls\.json/],
    ['a text that nothing uses', () => (nls['left.over'] = 'x'), /left\.over .* used nowhere/],
    ['a link to an unknown command', () => (nls['view.models.welcome'] = '[x](command:jan.gone)'), /unknown command jan\.gone/],
    ['a setting without scope', () => delete manifest.contributes.configuration.properties['jan.providers']?.scope, /jan\.providers has no scope/],
    ['a missing picture', () => (manifest.icon = 'media/none.png'), /icon is missing: media\/none\.png/],
    ['a walkthrough step that waits for nothing', () => manifest.contributes.walkthroughs[0]?.steps[0]?.completionEvents.push('onCommand:jan.no'), /unknown event onCommand:jan\.no/],
    ['a restricted setting that does not exist', () => manifest.capabilities.untrustedWorkspaces.restrictedConfigurations.push('jan.no'), /unknown setting jan\.no/],
  ];
  for (const [what, damage, expected] of breakages) {
    it(`sees ${what}`, () => {
      damage();
      const problems = check();
      assert.ok(problems.some((problem) => expected.test(problem)), problems.join('\n') || 'nothing was found');
    });
  }
});
