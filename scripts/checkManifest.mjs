// Fails when the ids of the code (src/ui/ids.ts), package.json and package.nls.json disagree, and prints each
// disagreement on a line of its own. Silent and 0 when they agree.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { transformSync } from 'esbuild';

/** VS Code makes these commands itself: focusing a view, showing a container. */
const isGenerated = (id, views) => [...views].some((view) => id.startsWith(`${view}.`)) || !id.startsWith('jan.');

/**
 * @param {{ manifest: any, nls: Record<string, string>, ids: any, fileExists(path: string): boolean }} input
 * @returns {string[]} one sentence for each disagreement
 */
export function checkManifest({ manifest, nls, ids, fileExists }) {
  const problems = [];
  const contributes = manifest.contributes ?? {};
  const listOf = (point) => Object.values(contributes[point] ?? {}).flat();

  const compare = (what, inCode, inManifest) => {
    const code = new Set(inCode);
    const declared = new Set(inManifest);
    inManifest.filter((id, at) => inManifest.indexOf(id) !== at).forEach((id) => problems.push(`${what} ${id} is declared twice in package.json.`));
    code.forEach((id) => declared.has(id) || problems.push(`${what} ${id} is in ids.ts but not in package.json.`));
    declared.forEach((id) => code.has(id) || problems.push(`${what} ${id} is in package.json but not in ids.ts.`));
  };
  const commandIds = Object.values(ids.commandIds);
  const viewIds = Object.values(ids.viewIds);
  const settings = [contributes.configuration ?? []].flat().flatMap((part) => Object.entries(part.properties ?? {}));
  compare('Command', commandIds, (contributes.commands ?? []).map((entry) => entry.command));
  compare('View', viewIds, listOf('views').map((entry) => entry.id));
  compare('View container', [ids.viewContainerId], listOf('viewsContainers').map((entry) => entry.id));
  compare('Setting', Object.values(ids.settingIds), settings.map(([id]) => id));
  compare('Walkthrough', [ids.walkthroughId], (contributes.walkthroughs ?? []).map((entry) => entry.id));
  compare('Language model vendor', [ids.languageModelVendor], (contributes.languageModelChatProviders ?? []).map((entry) => entry.vendor));
  Object.keys(contributes.views ?? {}).forEach((id) => id === ids.viewContainerId || problems.push(`Views are placed in the unknown container ${id}.`));

  const knownCommand = (id, where) => {
    if (!commandIds.includes(id) && !isGenerated(id, new Set(viewIds))) {
      problems.push(`${where} names the unknown command ${id}.`);
    }
  };
  for (const [menu, entries] of Object.entries(contributes.menus ?? {})) {
    entries.forEach((entry) => knownCommand(entry.command, `Menu ${menu}`));
  }
  (contributes.keybindings ?? []).forEach((entry) => knownCommand(entry.command, `Keybinding ${entry.key}`));
  (contributes.viewsWelcome ?? []).forEach((entry) => viewIds.includes(entry.view) || problems.push(`A welcome text is for the unknown view ${entry.view}.`));

  // Context keys and views inside `when` and `enablement`, and completion events of walkthroughs.
  const contextKeys = Object.values(ids.contextKeys);
  const clauses = [];
  const collect = (value, key) => {
    if (typeof value === 'string' && (key === 'when' || key === 'enablement')) {
      clauses.push(value);
    } else if (value !== null && typeof value === 'object') {
      Object.entries(value).forEach(([name, inner]) => collect(inner, name));
    }
  };
  collect(contributes, '');
  for (const clause of clauses) {
    for (const [name] of clause.matchAll(/\bjan\.[A-Za-z.]+/g)) {
      if (!contextKeys.includes(name) && !viewIds.includes(name) && !settings.some(([id]) => `config.${id}` === name)) {
        problems.push(`The clause "${clause}" names the unknown context key or view ${name}.`);
      }
    }
  }
  for (const step of (contributes.walkthroughs ?? []).flatMap((entry) => entry.steps)) {
    for (const event of step.completionEvents ?? []) {
      const [kind, target] = event.split(':');
      const known = { onCommand: commandIds, onView: viewIds, onContext: contextKeys, onSettingChanged: settings.map(([id]) => id) }[kind];
      known?.includes(target) || problems.push(`Walkthrough step ${step.id} waits for the unknown event ${event}.`);
    }
    const media = Object.values(step.media ?? {}).filter((path) => typeof path === 'string' && path.startsWith('media/'));
    media.forEach((path) => fileExists(path) || problems.push(`Walkthrough step ${step.id} shows ${path}, which does not exist.`));
  }
  const restricted = manifest.capabilities?.untrustedWorkspaces?.restrictedConfigurations ?? [];
  restricted.forEach((id) => settings.some(([known]) => known === id) || problems.push(`restrictedConfigurations names the unknown setting ${id}.`));
  for (const [id, setting] of settings) {
    setting.default !== undefined || problems.push(`Setting ${id} has no default.`);
    setting.order !== undefined || problems.push(`Setting ${id} has no order.`);
    setting.scope !== undefined || problems.push(`Setting ${id} has no scope.`);
  }
  for (const icon of [manifest.icon, ...listOf('viewsContainers').map((entry) => entry.icon), ...listOf('views').map((entry) => entry.icon)]) {
    typeof icon === 'string' && (icon.startsWith('$(') || fileExists(icon)) || problems.push(`An icon is missing: ${icon}.`);
  }

  checkTexts(manifest, nls, problems, knownCommand);
  return problems;
}

/** Strings a user sees are %keys%; each key has a text, and each text is used. */
function checkTexts(manifest, nls, problems, knownCommand) {
  const visible = new Set([
    'title', 'displayName', 'description', 'markdownDescription', 'contents', 'category', 'name', 'contextualTitle',
    'enumItemLabels', 'enumDescriptions', 'markdownEnumDescriptions', 'patternErrorMessage', 'deprecationMessage', 'label', 'shortTitle',
  ]);
  const used = new Set();
  const visit = (value, key, path) => {
    if (typeof value === 'string') {
      const match = /^%(.+)%$/.exec(value);
      if (match !== null) {
        used.add(match[1]);
        nls[match[1]] === undefined && problems.push(`Text ${value} at ${path} is not in package.nls.json.`);
      } else if (visible.has(key) && value !== '') {
        problems.push(`The text at ${path} should be a %key%: "${value}".`);
      }
    } else if (Array.isArray(value)) {
      value.forEach((inner, at) => visit(inner, key, `${path}[${at}]`));
    } else if (value !== null && typeof value === 'object') {
      Object.entries(value).forEach(([name, inner]) => visit(inner, name, `${path}.${name}`));
    }
  };
  const { contributes, capabilities, displayName, description } = manifest;
  visit({ contributes, capabilities, displayName, description }, '', 'package.json');
  for (const [key, text] of Object.entries(nls)) {
    used.has(key) || problems.push(`Text ${key} of package.nls.json is used nowhere.`);
    typeof text === 'string' && text.trim() !== '' || problems.push(`Text ${key} of package.nls.json is empty.`);
    for (const [, id] of String(text).matchAll(/\(command:([\w.]+)/g)) {
      knownCommand(id, `Text ${key}`);
    }
  }
}

/** Loads a TypeScript file that imports nothing. */
export async function importTypeScript(file) {
  const { code } = transformSync(readFileSync(file, 'utf8'), { loader: 'ts', format: 'esm' });
  return import(`data:text/javascript,${encodeURIComponent(code)}`);
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const root = join(dirname(fileURLToPath(import.meta.url)), '..');
  const readJson = (name) => JSON.parse(readFileSync(join(root, name), 'utf8'));
  const problems = checkManifest({
    manifest: readJson('package.json'),
    nls: readJson('package.nls.json'),
    ids: await importTypeScript(join(root, 'src/ui/ids.ts')),
    fileExists: (path) => existsSync(join(root, path)),
  });
  problems.forEach((problem) => console.error(problem));
  process.exitCode = problems.length === 0 ? 0 : 1;
}
