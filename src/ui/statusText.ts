// What the status bar says: its line and its tooltip, from the engine's state and the last measurement. Pure.
// Must not know: VS Code (only names of its icons), services, when anything is measured.

import type { CurrentLoad, EngineState, ResourcesInfo, RunningModel } from '../api/jan';
import { escapeIcons, escapeMarkdown, formatBytes, formatPercent, formatTokens, formatTokensPerSecond, joinFacts } from './format';
import type { StatusBarShow } from './ids';
import type { Localise } from './localise';
import { isAnswering, modelActivity } from './modelActivity';

export interface StatusInput {
  readonly show: StatusBarShow;
  /** Absent: not known yet. */
  readonly engine?: EngineState;
  readonly load?: CurrentLoad;
  readonly resources?: ResourcesInfo;
  /** When load and resources were measured, Unix ms. */
  readonly measuredAt?: number;
}

export interface StatusLine {
  readonly text: string;
  /** What a screen reader says: without icons. */
  readonly spoken: string;
  readonly failed: boolean;
}

const maxNameLength = 24;

/** One short line with one icon. */
export function statusLine(input: StatusInput, l10n: Localise): StatusLine {
  const { engine, load } = input;
  if (engine?.status === 'crashed') {
    const text = l10n.t('Jan: engine stopped');
    return { text: `$(error) ${text}`, spoken: l10n.t('Jan: the engine stopped unexpectedly. Choose to see what can be done.'), failed: true };
  }
  if (input.show === 'load' && load !== undefined) {
    const cpu = formatPercent(load.cpu / 100);
    const memory = formatPercent(load.memory / 100);
    return {
      text: `$(pulse) ${l10n.t('CPU {0} · RAM {1}', cpu, memory)}`,
      spoken: l10n.t('Jan: processor {0}, memory {1}', cpu, memory),
      failed: false,
    };
  }
  const model = modelInFocus(engine);
  if (model === undefined) {
    return engine?.status === 'starting'
      ? { text: `$(loading~spin) ${l10n.t('Jan')}`, spoken: l10n.t('Jan: the engine is starting'), failed: false }
      : { text: '$(comment-discussion) Jan', spoken: l10n.t('Jan: no model is loaded'), failed: false };
  }
  const busy = model.status !== 'ready' || isAnswering(engine);
  const state = modelState(model, engine, l10n);
  return {
    text: joinFacts(`$(${busy ? 'loading~spin' : 'chip'}) ${shorten(escapeIcons(model.name))}`, state),
    spoken: joinFacts(`Jan: ${model.name}`, state === '' ? l10n.t('ready') : state),
    failed: false,
  };
}

/** Rows of the tooltip as a Markdown table; names come from files and are escaped. */
export function statusTooltip(input: StatusInput, l10n: Localise, formatTime: (at: number) => string): string {
  const { engine, load, resources } = input;
  const rows: (readonly [string, string])[] = [];
  const add = (name: string, value: string): void => {
    if (value !== '') {
      rows.push([name, value]);
    }
  };
  for (const model of engine?.models ?? []) {
    add(
      l10n.t('Model'),
      joinFacts(
        model.name,
        modelActivity(model, l10n),
        formatBytes(model.memory),
        model.contextLength === undefined ? undefined : l10n.t('{0} tokens of context', formatTokens(model.contextLength)),
      ),
    );
  }
  add(l10n.t('Engine'), engineText(engine, l10n));
  add(l10n.t('Last speed'), formatTokensPerSecond(engine?.tokensPerSecond));
  add(l10n.t('Processor'), load === undefined ? '' : joinFacts(formatPercent(load.cpu / 100), l10n.t('{0} cores', resources?.cpu.cores ?? '?')));
  if (resources !== undefined) {
    const { used, total } = resources.memory;
    add(l10n.t('Memory'), l10n.t('{0} of {1}', formatBytes(used), formatBytes(total)));
  }
  const runtimeMemory = load?.runtimeMemory ?? resources?.runtime?.memory;
  add(
    l10n.t('Engine’s share'),
    joinFacts(
      load?.runtimeCpu === undefined ? undefined : l10n.t('{0} processor', formatPercent(load.runtimeCpu / 100)),
      runtimeMemory === undefined ? undefined : formatBytes(runtimeMemory),
    ),
  );
  for (const gpu of resources?.gpus ?? []) {
    const memory = gpu.memoryTotal === undefined ? '' : gpu.memoryUsed === undefined ? formatBytes(gpu.memoryTotal) : l10n.t('{0} of {1}', formatBytes(gpu.memoryUsed), formatBytes(gpu.memoryTotal));
    add(l10n.t('Graphics'), joinFacts(gpu.name, memory));
  }
  const table = ['| | |', '|:--|:--|', ...rows.map(([name, value]) => `| ${escapeMarkdown(name)} | ${escapeMarkdown(value)} |`)].join('\n');
  const parts = [`**Jan**`, table];
  if (engine?.error !== undefined) {
    parts.push(escapeMarkdown(engine.error.message));
  }
  if (input.measuredAt !== undefined) {
    parts.push(`_${escapeMarkdown(l10n.t('Measured at {0}', formatTime(input.measuredAt)))}_`);
  }
  return parts.join('\n\n');
}

/** Of several: one that changes, else the one loaded last. */
export function modelInFocus(engine: EngineState | undefined): RunningModel | undefined {
  return engine?.models.find((model) => model.status !== 'ready') ?? engine?.models.at(-1);
}

/** Is there a reason to measure every two seconds? Only while somebody can see the numbers move. */
export function wantsPolling(input: { readonly show: StatusBarShow; readonly focused: boolean; readonly engine?: EngineState }): boolean {
  return input.focused && input.show !== 'off' && (input.show === 'load' || isAnswering(input.engine));
}

function modelState(model: RunningModel, engine: EngineState | undefined, l10n: Localise): string {
  const speed = formatTokensPerSecond(engine?.tokensPerSecond);
  // Who asks here sees the answer, and is told how fast it comes.
  const isForHere = model.status === 'ready' && (engine?.activeRequests ?? 0) > 0;
  return isForHere ? speed : (modelActivity(model, l10n) ?? speed);
}

function engineText(engine: EngineState | undefined, l10n: Localise): string {
  switch (engine?.status) {
    case undefined:
      return '';
    case 'stopped':
      return l10n.t('not running; starts on first use');
    case 'starting':
      return l10n.t('starting');
    case 'running':
      return engine.activeRequests > 0
        ? l10n.t('answering ({0})', engine.activeRequests)
        : isAnswering(engine)
          ? l10n.t('answering other windows or programs')
          : l10n.t('idle');
    case 'crashed':
      return l10n.t('stopped unexpectedly');
  }
}

function shorten(name: string): string {
  return name.length > maxNameLength ? `${name.slice(0, maxNameLength - 1).trimEnd()}…` : name;
}
