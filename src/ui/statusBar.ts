// The status bar's one item: follows the engine by events, and measures load only while somebody looks.
// Must not know: how load is measured, what the actions behind a click do.

import * as vscode from 'vscode';
import type { CurrentLoad, EngineState, JanApi, ResourcesInfo } from '../api/jan';
import { DisposableStore, toDisposable, type Disposable } from '../common/lifecycle';
import type { Logger } from '../common/log';
import { commandIds, contextKeys, settingIds, type StatusBarShow } from './ids';
import { isAnswering } from './modelActivity';
import { statusLine, statusTooltip, wantsPolling, type StatusInput } from './statusText';
import { onDidChangeSetting, readSetting, setContextKey } from './vscodeIds';

const pollMs = 2000;
/** The line changes at most this often (the guideline for status bar items). */
const drawMs = 250;

export interface StatusBarOptions {
  readonly api: JanApi;
  readonly log: Logger;
}

export function registerStatusBar(options: StatusBarOptions): Disposable {
  return new StatusBar(options);
}

class StatusBar implements Disposable {
  readonly #store = new DisposableStore();
  readonly #item: vscode.StatusBarItem;
  #engine: EngineState | undefined;
  #load: CurrentLoad | undefined;
  #resources: ResourcesInfo | undefined;
  #measuredAt: number | undefined;
  #poll: ReturnType<typeof setTimeout> | undefined;
  #draw: ReturnType<typeof setTimeout> | undefined;
  #measuring = false;
  #hadLoadedModel = false;
  #engineKey = '';

  constructor(private readonly options: StatusBarOptions) {
    const { api } = options;
    this.#item = this.#store.add(vscode.window.createStatusBarItem('jan.status', vscode.StatusBarAlignment.Right, 90));
    this.#item.name = vscode.l10n.t('Jan');
    this.#item.command = commandIds.showActions;
    this.#store.add(api.onDidChangeEngine((engine) => this.#onEngine(engine)));
    this.#store.add(vscode.window.onDidChangeWindowState(() => this.#onAttention()));
    this.#store.add(onDidChangeSetting(settingIds.statusBarShow, () => this.#onAttention()));
    this.#store.add(
      toDisposable(() => {
        clearTimeout(this.#poll);
        clearTimeout(this.#draw);
      }),
    );
    this.#render();
    // After activation: asking is a call through the core, and the line is right without it.
    const first = setTimeout(() => void this.#askEngine(), 0);
    this.#store.add(toDisposable(() => clearTimeout(first)));
  }

  get #input(): StatusInput {
    return {
      show: this.#show,
      ...(this.#engine === undefined ? {} : { engine: this.#engine }),
      ...(this.#load === undefined ? {} : { load: this.#load }),
      ...(this.#resources === undefined ? {} : { resources: this.#resources }),
      ...(this.#measuredAt === undefined ? {} : { measuredAt: this.#measuredAt }),
    };
  }

  get #show(): StatusBarShow {
    const value = readSetting(settingIds.statusBarShow);
    return value === 'load' || value === 'off' ? value : 'model';
  }

  /** Someone is at this window: it has the focus, or at least is being used. */
  get #focused(): boolean {
    return vscode.window.state.focused;
  }

  async #askEngine(): Promise<void> {
    try {
      const engine = await this.options.api.inference.getEngineState();
      if (this.#engine === undefined && !this.#store.isDisposed) {
        this.#onEngine(engine);
      }
    } catch (error) {
      this.options.log.debug('Status bar: the engine’s state is not known', error);
      this.#onAttention();
    }
  }

  #onEngine(engine: EngineState): void {
    this.#engine = engine;
    const hasLoadedModel = engine.models.length > 0;
    if (hasLoadedModel !== this.#hadLoadedModel) {
      this.#hadLoadedModel = hasLoadedModel;
      void setContextKey(contextKeys.hasLoadedModel, hasLoadedModel);
    }
    // What a model's coming or going did to memory is worth one measurement, even when nothing polls.
    const key = [engine.status, isAnswering(engine), ...engine.models.map((model) => `${model.modelId} ${model.status}`)].join('\n');
    if (key !== this.#engineKey) {
      this.#engineKey = key;
      this.#onAttention();
    }
    this.#scheduleDraw();
  }

  #onAttention(): void {
    this.#scheduleDraw();
    const show = this.#show;
    // With nothing loaded the numbers would say nothing about Jan.
    if (this.#focused && (show === 'load' || (show === 'model' && (this.#engine?.models.length ?? 0) > 0))) {
      void this.#measure();
    }
  }

  /** Measures once; goes on every two seconds as long as there is a reason. */
  async #measure(): Promise<void> {
    if (this.#measuring || this.#store.isDisposed) {
      return;
    }
    this.#measuring = true;
    clearTimeout(this.#poll);
    try {
      const { monitoring } = this.options.api;
      [this.#load, this.#resources] = await Promise.all([monitoring.getCurrentLoad(), monitoring.getResourcesInfo()]);
      this.#measuredAt = Date.now();
    } catch (error) {
      this.options.log.debug('Status bar: load could not be measured', error);
    } finally {
      this.#measuring = false;
    }
    if (this.#store.isDisposed) {
      return;
    }
    this.#scheduleDraw();
    if (this.#wantsPolling()) {
      this.#poll = setTimeout(() => {
        if (this.#wantsPolling()) {
          void this.#measure();
        }
      }, pollMs);
    }
  }

  #wantsPolling(): boolean {
    return wantsPolling({ show: this.#show, focused: this.#focused, ...(this.#engine === undefined ? {} : { engine: this.#engine }) });
  }

  #scheduleDraw(): void {
    if (this.#draw === undefined && !this.#store.isDisposed) {
      this.#draw = setTimeout(() => {
        this.#draw = undefined;
        this.#render();
      }, drawMs);
    }
  }

  #render(): void {
    const input = this.#input;
    if (input.show === 'off') {
      this.#item.hide();
      return;
    }
    const line = statusLine(input, vscode.l10n);
    const tooltip = new vscode.MarkdownString(statusTooltip(input, vscode.l10n, (at) => new Date(at).toLocaleTimeString(vscode.env.language)));
    this.#item.text = line.text;
    this.#item.accessibilityInformation = { label: line.spoken };
    this.#item.tooltip = tooltip;
    this.#item.backgroundColor = line.failed ? new vscode.ThemeColor('statusBarItem.errorBackground') : undefined;
    this.#item.show();
  }

  dispose(): void {
    this.#store.dispose();
  }
}
