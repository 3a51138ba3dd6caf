// The items of the model tree, built from a snapshot: labels, icons, what can be done with each. Pure.
// Must not know: VS Code (only names of its icons and colours), services.

import type { AvailableModel, Download, InferenceModel, Model, RunningModel } from '../api/jan';
import { formatBytes, formatCount, formatPercent, formatRemaining, formatSpeed, formatTokens, escapeMarkdown, joinFacts } from './format';
import { commandIds, type CommandId } from './ids';
import type { Localise } from './localise';
import { modelActivity } from './modelActivity';
import type { CatalogProblem, ModelSnapshot } from './modelCatalog';

export type ModelNodeKind = 'group' | 'running' | 'model' | 'download' | 'available' | 'backendModel' | 'problem';

/** One item. `modelId`, `downloadId`, `repository` and `fileName` are what commands on it need. */
export interface ModelNode {
  readonly kind: ModelNodeKind;
  /** Stable while the thing exists, so that selection and expansion stay. */
  readonly id: string;
  readonly label: string;
  readonly description?: string;
  /** A codicon and, where it means something, the colour of VS Code's theme. */
  readonly icon?: { readonly name: string; readonly color?: string };
  /** Words that the `when` clauses of the manifest look for. */
  readonly contextValue: string;
  /** What a screen reader says. */
  readonly spoken: string;
  readonly children?: readonly ModelNode[];
  readonly modelId?: string;
  readonly downloadId?: string;
  readonly repository?: string;
  readonly fileName?: string;
  /** Absolute path of the file. */
  readonly path?: string;
  readonly command?: CommandId;
  /** Rows of the tooltip: name and value, as plain text. Built when asked for. */
  readonly facts?: () => readonly (readonly [string, string])[];
  /** A sentence or two below the rows, plain text. */
  readonly note?: string;
}

/** Groups with something in them, in reading order. Empty when this machine has no model: the welcome view shows. */
export function buildModelTree(snapshot: ModelSnapshot, l10n: Localise): readonly ModelNode[] {
  const { running, downloaded, downloads, inference, available } = snapshot;
  const open = new Set(downloads.map((download) => download.modelId));
  const known = new Set(downloaded.map((model) => model.id));
  const others = inference.filter((model) => model.backendId !== 'llama.cpp' && !known.has(model.id));
  const recommended = available.filter((model) => !model.downloaded && !known.has(model.id) && !open.has(model.id));
  const problems = snapshot.problems.map((problem) => problemNode(problem, l10n));
  const groups = [
    group('running', l10n.t('Running'), running.map((model) => runningNode(model, downloaded, inference, l10n))),
    group('downloading', l10n.t('Downloading'), downloads.map((download) => downloadNode(download, l10n))),
    group('downloaded', l10n.t('Downloaded'), downloaded.map((model) => modelNode(model, running, l10n))),
    group('backends', l10n.t('Other Backends'), others.map((model) => backendModelNode(model, running, l10n))),
  ].filter((node) => node.children.length > 0);
  if (groups.length > 0 && recommended.length > 0) {
    groups.push(group('recommended', l10n.t('Recommended'), recommended.map((model) => availableNode(model, l10n))));
  }
  return [...problems, ...groups];
}

type GroupNode = ModelNode & { readonly children: readonly ModelNode[] };

function group(name: string, label: string, children: readonly ModelNode[]): GroupNode {
  return { kind: 'group', id: `group:${name}`, label, description: String(children.length), contextValue: 'group', spoken: `${label}, ${children.length}`, children };
}

export function runningNode(
  running: RunningModel,
  downloaded: readonly Model[],
  inference: readonly InferenceModel[],
  l10n: Localise,
): ModelNode {
  const model = downloaded.find((known) => known.id === running.modelId);
  const remote = inference.find((known) => known.id === running.modelId)?.remote === true;
  const activity = modelActivity(running, l10n);
  const state = activity ?? l10n.t('ready');
  const description = joinFacts(state, running.status === 'ready' ? formatBytes(running.memory) : undefined, remote ? l10n.t('remote') : undefined);
  return {
    kind: 'running',
    id: `running:${running.modelId}`,
    label: running.name,
    description,
    icon:
      activity === undefined
        ? { name: 'circle-filled', color: 'testing.iconPassed' }
        : { name: 'loading~spin' },
    contextValue: words('running', 'identified', running.status === 'unloading' ? '' : 'loaded', model?.path === undefined ? '' : 'file', removal(model)),
    spoken: `${running.name}, ${description}`,
    modelId: running.modelId,
    ...(model?.path === undefined ? {} : { path: model.path }),
    facts: () => [
      [l10n.t('State'), state],
      ...row(l10n.t('In memory'), formatBytes(running.memory)),
      ...row(l10n.t('Context'), contextText(running.contextLength, l10n)),
      ...row(l10n.t('Backend'), running.backendId),
      ...(model === undefined ? [] : modelFacts(model, l10n)),
    ],
  };
}

export function modelNode(model: Model, running: readonly RunningModel[], l10n: Localise): ModelNode {
  const active = running.find((known) => known.modelId === model.id);
  const starter = model.source === 'starter';
  const description = joinFacts(
    starter ? l10n.t('starter model') : undefined,
    active === undefined ? undefined : active.status === 'ready' ? l10n.t('loaded') : modelActivity(active, l10n),
    starter ? undefined : model.quantization,
    formatBytes(model.size),
  );
  return {
    kind: 'model',
    id: `model:${model.id}`,
    label: model.name,
    description,
    icon: { name: starter ? 'mortar-board' : 'file-binary' },
    contextValue: words('model', 'identified', active === undefined ? 'idle' : 'loaded', model.path === undefined ? '' : 'file', removal(model)),
    spoken: `${model.name}, ${description}`,
    modelId: model.id,
    ...(model.path === undefined ? {} : { path: model.path }),
    facts: () => modelFacts(model, l10n),
    ...(starter
      ? { note: l10n.t('A guide for the first minutes with Jan, not a general assistant.') }
      : model.description === undefined
        ? {}
        : { note: model.description }),
  };
}

export function downloadNode(download: Download, l10n: Localise): ModelNode {
  const fraction = download.totalBytes > 0 ? download.receivedBytes / download.totalBytes : undefined;
  const running = download.status === 'running' || download.status === 'verifying';
  const description = {
    running: joinFacts(formatPercent(fraction), formatSpeed(download.speed)) || l10n.t('starting'),
    verifying: l10n.t('verifying checksum'),
    paused: joinFacts(l10n.t('paused'), formatPercent(fraction)),
    failed: joinFacts(l10n.t('failed'), formatPercent(fraction)),
    completed: l10n.t('completed'),
    cancelled: l10n.t('cancelled'),
  }[download.status];
  return {
    kind: 'download',
    id: `download:${download.id}`,
    label: download.name,
    description,
    icon:
      download.status === 'failed'
        ? { name: 'error', color: 'problemsErrorIcon.foreground' }
        : { name: running ? 'loading~spin' : 'debug-pause' },
    contextValue: words('download', download.status === 'running' ? 'running' : running ? '' : 'resumable', download.status),
    spoken: `${download.name}, ${description}`,
    modelId: download.modelId,
    downloadId: download.id,
    facts: () => [
      ...row(l10n.t('Received'), l10n.t('{0} of {1}', formatBytes(download.receivedBytes), formatBytes(download.totalBytes) || '?')),
      ...row(l10n.t('Speed'), running ? formatSpeed(download.speed) : ''),
      ...row(l10n.t('Remaining'), running ? formatRemaining(download.totalBytes - download.receivedBytes, download.speed) : ''),
    ],
    ...(download.error === undefined ? {} : { note: download.error.message }),
  };
}

/** Fit advice in words; `memory` in bytes. */
export function fitText(fit: AvailableModel['fit'], l10n: Localise): string {
  return { fits: l10n.t('fits'), tight: l10n.t('tight'), 'too-large': l10n.t('too large') }[fit];
}

/** Shape and colour tell the fit apart; neither alone. */
export function fitIcon(fit: AvailableModel['fit']): { readonly name: string; readonly color?: string } {
  return {
    fits: { name: 'cloud-download' },
    tight: { name: 'warning', color: 'problemsWarningIcon.foreground' },
    'too-large': { name: 'circle-slash', color: 'disabledForeground' },
  }[fit];
}

export function availableNode(model: AvailableModel, l10n: Localise): ModelNode {
  const description = joinFacts(formatBytes(model.size), fitText(model.fit, l10n));
  return {
    kind: 'available',
    id: `available:${model.id}`,
    label: model.name,
    description,
    icon: fitIcon(model.fit),
    contextValue: words('available', model.fit),
    spoken: `${model.name}, ${description}`,
    modelId: model.id,
    repository: model.repository,
    fileName: model.fileName,
    facts: () => [
      ...row(l10n.t('Size'), formatBytes(model.size)),
      ...row(l10n.t('Memory needed'), joinFacts(formatBytes(model.memoryNeeded), fitText(model.fit, l10n))),
      ...row(l10n.t('Parameters'), formatCount(model.parameters)),
      ...row(l10n.t('Quantisation'), model.quantization),
      ...row(l10n.t('Context'), contextText(model.contextLength, l10n)),
      ...row(l10n.t('Licence'), model.license),
      ...row(l10n.t('From'), model.repository),
    ],
    note: model.description,
  };
}

export function backendModelNode(model: InferenceModel, running: readonly RunningModel[], l10n: Localise): ModelNode {
  const loaded = model.loaded || running.some((known) => known.modelId === model.id);
  const description = joinFacts(model.backendId, model.remote ? l10n.t('remote') : l10n.t('local'));
  return {
    kind: 'backendModel',
    id: `backend:${model.backendId}:${model.id}`,
    label: model.name,
    description,
    icon: { name: model.remote ? 'cloud' : 'server-process' },
    contextValue: words('backend', 'identified', loaded ? '' : 'idle'),
    spoken: `${model.name}, ${description}`,
    modelId: model.id,
    facts: () => [
      ...row(l10n.t('Backend'), model.backendId),
      ...row(l10n.t('Context'), contextText(model.contextLength, l10n)),
    ],
    note: model.remote
      ? l10n.t('Text that you send to this model leaves this machine.')
      : l10n.t('Text that you send to this model stays on this machine.'),
  };
}

function problemNode(problem: CatalogProblem, l10n: Localise): ModelNode {
  const crashed = problem.code === 'engine-crashed' || problem.code === 'engine-unavailable';
  return {
    kind: 'problem',
    id: `problem:${problem.source}`,
    label: problem.message,
    icon: { name: 'warning', color: 'problemsWarningIcon.foreground' },
    description: crashed ? l10n.t('Click to restart the engine') : l10n.t('Click to try again'),
    contextValue: 'problem',
    spoken: problem.message,
    command: crashed ? commandIds.restartEngine : commandIds.refreshModels,
    note: problem.message,
  };
}

/** A node's tooltip as Markdown; whatever came from a file or the network is escaped. @param more rows below its own */
export function tooltipMarkdown(node: ModelNode, more: readonly (readonly [string, string])[] = []): string {
  const rows = [...(node.facts?.() ?? []), ...more].map(([name, value]) => `| ${escapeMarkdown(name)} | ${escapeMarkdown(value)} |`);
  const parts = [`**${escapeMarkdown(node.label)}**`];
  if (rows.length > 0) {
    parts.push(['| | |', '|:--|:--|', ...rows].join('\n'));
  }
  if (node.note !== undefined && node.note !== '' && node.note !== node.label) {
    parts.push(escapeMarkdown(node.note));
  }
  return parts.join('\n\n');
}

/** A node and all below it. */
/**
 * What has to be drawn again. As little as can be: while VS Code asks for the items of a branch, a click on one of them
 * does not say which it was. `'all'`: the branches themselves are others, or in another order.
 */
export function changedNodes(before: readonly ModelNode[], after: readonly ModelNode[]): readonly ModelNode[] | 'all' {
  return haveSameIds(before, after) ? after.flatMap((node, index) => changesOf(before[index]!, node)) : 'all';
}

function changesOf(before: ModelNode, after: ModelNode): readonly ModelNode[] {
  if (JSON.stringify(before) === JSON.stringify(after)) {
    return [];
  }
  const { children: old = [], ...itself } = before;
  const { children = [], ...now } = after;
  const isOnlyWithin = JSON.stringify(itself) === JSON.stringify(now) && haveSameIds(old, children);
  return isOnlyWithin ? children.flatMap((child, index) => changesOf(old[index]!, child)) : [after];
}

function haveSameIds(before: readonly ModelNode[], after: readonly ModelNode[]): boolean {
  return before.length === after.length && before.every(({ id }, index) => id === after[index]!.id);
}

export function* walk(nodes: readonly ModelNode[]): Generator<ModelNode> {
  for (const node of nodes) {
    yield node;
    yield* walk(node.children ?? []);
  }
}

function modelFacts(model: Model, l10n: Localise): readonly (readonly [string, string])[] {
  return [
    ...row(l10n.t('Size'), formatBytes(model.size)),
    ...row(l10n.t('Quantisation'), model.quantization),
    ...row(l10n.t('Architecture'), model.architecture),
    ...row(l10n.t('Parameters'), formatCount(model.parameters)),
    ...row(l10n.t('Trained context'), contextText(model.contextLength, l10n)),
    ...row(l10n.t('Licence'), model.license),
    ...row(l10n.t('From'), model.repository),
    ...row(l10n.t('File'), model.path),
  ];
}

function contextText(tokens: number | undefined, l10n: Localise): string {
  const text = formatTokens(tokens);
  return text === '' ? '' : l10n.t('{0} tokens', text);
}

function row(name: string, value: string | undefined): readonly (readonly [string, string])[] {
  return value === undefined || value === '' ? [] : [[name, value]];
}

/** The starter model stays; a file added from elsewhere is only forgotten; the rest is deleted. */
function removal(model: Model | undefined): string {
  if (model === undefined || model.source === 'starter' || model.source === 'backend') {
    return '';
  }
  return model.source === 'file' ? 'added' : 'deletable';
}

function words(...parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join(' ');
}
