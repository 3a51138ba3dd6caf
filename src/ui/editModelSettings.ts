// `Jan: Model Settings…`: a quick pick of a model's settings, each edited in place, kept in the user's settings.
// Must not know: how models are run, who else reads the setting.

import * as vscode from 'vscode';
import type { JanApi } from '../api/jan';
import { JanError } from '../common/errors';
import { samplingPresets } from '../common/samplingPresets';
import { escapeIcons } from './format';
import { settingIds } from './ids';
import {
  describeValue,
  modelSettingFields,
  parseNumber,
  presetName,
  valueOf,
  withPreset,
  withValue,
  type ModelSettingField,
  type ModelSettings,
  type NumberField,
} from './modelSettingFields';
import { readSetting, writeSetting } from './vscodeIds';

const maxTemplateLength = 256 * 1024;

/** A model's own entry of `jan.modelSettings`. */
export function readModelSettings(modelId: string): ModelSettings {
  const entry = readSetting(settingIds.modelSettings)?.[modelId];
  return typeof entry === 'object' && entry !== null && !Array.isArray(entry) ? (entry as ModelSettings) : {};
}

export async function editModelSettings(api: JanApi, modelId: string, modelName: string): Promise<void> {
  await editSettings({
    api,
    title: vscode.l10n.t('Settings of {0}', modelName),
    read: () => readModelSettings(modelId),
    keep: (settings) => keep(modelId, settings),
  });
}

/** The settings of one conversation, which win over its model's. @throws JanError of the store */
export async function editConversationSettings(api: JanApi, id: string): Promise<void> {
  let { name, settings, systemPrompt } = await api.data.getConversation(id);
  await editSettings({
    api,
    title: vscode.l10n.t('Settings of {0}', name === '' ? vscode.l10n.t('this conversation') : `“${name}”`),
    read: () => ({ ...settings, ...(systemPrompt === undefined || systemPrompt === '' ? {} : { systemPrompt }) }),
    keep: async ({ systemPrompt: instructions, ...others }) => {
      ({ name, settings, systemPrompt } = await api.data.updateConversation({ id, settings: others, systemPrompt: instructions ?? '' }));
    },
  });
}

interface EditedSettings {
  readonly api: JanApi;
  readonly title: string;
  readonly read: () => ModelSettings;
  readonly keep: (settings: ModelSettings) => Promise<void>;
}

/** Asks until the user leaves; each answer is kept at once. */
async function editSettings({ api, title, read, keep: keepSettings }: EditedSettings): Promise<void> {
  const { l10n } = vscode;
  const fields = modelSettingFields(l10n);
  for (let active: string | undefined; ; ) {
    const settings = read();
    const items = fields.map((field) => {
      const value = describeValue(field, settings, l10n);
      return { label: field.label, description: value === '' ? field.fallback : `$(edit) ${escapeIcons(value)}`, field };
    });
    const reset = { label: `$(discard) ${l10n.t('Reset all')}`, description: l10n.t('as if never set'), field: undefined };
    const chosen = await pickFrom([...items, ...(Object.keys(settings).length > 0 ? [reset] : [])], title, active);
    if (chosen === undefined) {
      return;
    }
    const changed = chosen.field === undefined ? {} : await edit(api, chosen.field, settings);
    if (changed !== undefined) {
      await keepSettings(changed);
    }
    active = chosen.label;
  }
}

/** @returns undefined when the user backs out */
async function edit(api: JanApi, field: ModelSettingField, settings: ModelSettings): Promise<ModelSettings | undefined> {
  switch (field.kind) {
    case 'number':
      return editNumber(field, settings);
    case 'text': {
      const { l10n } = vscode;
      const value = valueOf(settings, field.key);
      const typed = await vscode.window.showInputBox({
        title: field.label,
        value: typeof value === 'string' ? value : '',
        prompt: l10n.t('What the model is told before every chat in the Jan view. Empty: {0}.', field.fallback),
      });
      return typed === undefined ? undefined : withValue(settings, field.key, typed.trim() === '' ? undefined : typed);
    }
    case 'preset':
      return editPreset(field.label, settings);
    case 'adapters':
      return editAdapters(field, settings);
    case 'model':
      return editModel(api, field, settings);
    case 'template':
      return editTemplate(field, settings);
  }
}

async function editNumber(field: NumberField, settings: ModelSettings): Promise<ModelSettings | undefined> {
  const { l10n } = vscode;
  const typed = await vscode.window.showInputBox({
    title: field.label,
    value: describeValue(field, settings, l10n),
    placeHolder: field.fallback,
    validateInput: (text) => {
      const parsed = parseNumber(field, text, l10n);
      return 'problem' in parsed ? parsed.problem : undefined;
    },
  });
  const parsed = typed === undefined ? undefined : parseNumber(field, typed, l10n);
  return parsed === undefined || 'problem' in parsed ? undefined : withValue(settings, field.key, parsed.value);
}

async function editPreset(title: string, settings: ModelSettings): Promise<ModelSettings | undefined> {
  const { l10n } = vscode;
  const items = [
    { label: l10n.t('As the model recommends'), preset: undefined },
    ...samplingPresets.map((preset) => ({
      label: presetName(preset.id, l10n),
      description: l10n.t('temperature {0}, top P {1}, min P {2}', preset.temperature, preset.topP, preset.minP),
      preset,
    })),
  ];
  const chosen = await vscode.window.showQuickPick(items, { title });
  return chosen === undefined ? undefined : withPreset(settings, chosen.preset);
}

async function editModel(api: JanApi, field: ModelSettingField, settings: ModelSettings): Promise<ModelSettings | undefined> {
  const { l10n } = vscode;
  const models = (await api.models.getDownloadedModels()).filter(({ backendId }) => backendId === 'llama.cpp');
  const none = { label: l10n.t('None'), description: '', modelId: undefined };
  const items = models.map(({ id, name }) => ({ label: escapeIcons(name), description: id, modelId: id }));
  const placeHolder = l10n.t('A smaller model of the same family that drafts words for this one');
  const chosen = await vscode.window.showQuickPick([none, ...items], { title: field.label, placeHolder, matchOnDescription: true });
  return chosen === undefined ? undefined : withValue(settings, field.key, chosen.modelId);
}

async function editAdapters(field: ModelSettingField, settings: ModelSettings): Promise<ModelSettings | undefined> {
  const { l10n } = vscode;
  const adapters = [...(settings.load?.loraAdapters ?? [])];
  const add = { label: `$(add) ${l10n.t('Add a LoRA adapter…')}`, at: -1 };
  const items = adapters.map(({ path, scale }, at) => ({
    label: escapeIcons(path.split(/[\\/]/).at(-1) ?? path),
    description: l10n.t('scale {0}; choose to remove', scale ?? 1),
    detail: path,
    at,
  }));
  const chosen = await vscode.window.showQuickPick([...items, add], { title: field.label });
  if (chosen === undefined) {
    return undefined;
  }
  if (chosen.at >= 0) {
    adapters.splice(chosen.at, 1);
    return withValue(settings, field.key, adapters.length > 0 ? adapters : undefined);
  }
  const [file] = (await vscode.window.showOpenDialog({ title: field.label, filters: { [l10n.t('GGUF adapters')]: ['gguf'] } })) ?? [];
  if (file === undefined) {
    return undefined;
  }
  const scale = await editNumber({ kind: 'number', key: 'scale', label: l10n.t('Scale of the adapter'), least: 0, most: 2, fallback: '1' }, {});
  return scale === undefined ? undefined : withValue(settings, field.key, [...adapters, { path: file.fsPath, ...scale }].slice(-8));
}

async function editTemplate(field: ModelSettingField, settings: ModelSettings): Promise<ModelSettings | undefined> {
  const { l10n } = vscode;
  const current = valueOf(settings, field.key);
  const choose = { label: `$(folder-opened) ${l10n.t('Take it from a file…')}`, act: 'choose' };
  const show = { label: `$(eye) ${l10n.t('Show the override')}`, act: 'show' };
  const remove = { label: `$(discard) ${l10n.t('Use the file’s own again')}`, act: 'remove' };
  const chosen = await vscode.window.showQuickPick(current === undefined ? [choose] : [choose, show, remove], { title: field.label });
  switch (chosen?.act) {
    case 'remove':
      return withValue(settings, field.key, undefined);
    case 'show':
      await vscode.window.showTextDocument(await vscode.workspace.openTextDocument({ content: String(current) }), { preview: true });
      return undefined;
    case 'choose': {
      const [file] = (await vscode.window.showOpenDialog({ title: field.label, filters: { Jinja: ['jinja', 'jinja2', 'j2', 'txt'] } })) ?? [];
      if (file === undefined) {
        return undefined;
      }
      const { size } = await vscode.workspace.fs.stat(file);
      if (size > maxTemplateLength) {
        throw new JanError('invalid-argument', l10n.t('A chat template has at most {0} KiB; this file is larger. Choose another one.', maxTemplateLength / 1024));
      }
      return withValue(settings, field.key, new TextDecoder().decode(await vscode.workspace.fs.readFile(file)));
    }
    default:
      return undefined;
  }
}

async function keep(modelId: string, settings: ModelSettings): Promise<void> {
  const all = { ...readSetting(settingIds.modelSettings), [modelId]: settings };
  const kept = Object.entries(all).filter(([id]) => id !== modelId || Object.keys(settings).length > 0);
  await writeSetting(settingIds.modelSettings, Object.fromEntries(kept));
}

/** As `showQuickPick`, beginning at the item last chosen. */
function pickFrom<T extends vscode.QuickPickItem>(items: readonly T[], title: string, active: string | undefined): Promise<T | undefined> {
  return new Promise((resolve) => {
    const pick = vscode.window.createQuickPick<T>();
    pick.title = title;
    pick.items = items;
    pick.matchOnDescription = true;
    pick.activeItems = items.filter(({ label }) => label === active);
    pick.onDidAccept(() => {
      resolve(pick.selectedItems[0]);
      pick.hide();
    });
    pick.onDidHide(() => {
      resolve(undefined);
      pick.dispose();
    });
    pick.show();
  });
}
