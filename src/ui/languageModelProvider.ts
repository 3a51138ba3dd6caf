// Offers Jan's models to VS Code's own chat and to other extensions (vscode.lm), vendor `jan`.
// Must not know: backends, the chat view.

import * as vscode from 'vscode';
import type { JanApi } from '../api/jan';
import { JanError, toJanError } from '../common/errors';
import { DisposableStore, toDisposable, type Disposable } from '../common/lifecycle';
import type { Logger } from '../common/log';
import { languageModelVendor } from './ids';
import { estimateTokens, samplingOf, splitContext, textOf, toChatMessages } from './languageModelMessages';

export interface LanguageModelProviderOptions {
  readonly api: JanApi;
  readonly log: Logger;
}

/** Does nothing in an editor that has no such API: forks of VS Code lag behind. */
export function registerLanguageModelProvider(options: LanguageModelProviderOptions): Disposable {
  const languageModels = vscode.lm as typeof vscode.lm | undefined;
  if (typeof languageModels?.registerLanguageModelChatProvider !== 'function') {
    options.log.debug('This editor takes no language model providers.');
    return toDisposable(() => undefined);
  }
  const owned = new DisposableStore();
  const provider = owned.add(new LanguageModelProvider(options));
  owned.add(languageModels.registerLanguageModelChatProvider(languageModelVendor, provider));
  return owned;
}

class LanguageModelProvider implements vscode.LanguageModelChatProvider, Disposable {
  readonly #owned = new DisposableStore();
  readonly #change = this.#owned.add(new vscode.EventEmitter<void>());
  #timer: ReturnType<typeof setTimeout> | undefined;

  readonly onDidChangeLanguageModelChatInformation = this.#change.event;

  constructor(private readonly options: LanguageModelProviderOptions) {
    const { api } = options;
    this.#owned.add(api.onDidChangeModels(() => this.#announce()));
    this.#owned.add(api.onDidChangePlugins(() => this.#announce()));
    this.#owned.add(toDisposable(() => clearTimeout(this.#timer)));
  }

  /** Asks nothing and loads nothing, silent or not: what can be chatted with is known without. */
  async provideLanguageModelChatInformation(): Promise<vscode.LanguageModelChatInformation[]> {
    const models = await this.options.api.inference.getInferenceModels();
    return models.map((model) => ({
      id: model.id,
      name: model.name,
      family: model.name,
      version: '1',
      detail: model.remote ? vscode.l10n.t('Jan, remote') : vscode.l10n.t('Jan, on this machine'),
      tooltip: model.remote
        ? vscode.l10n.t('Text that you send to this model leaves this machine.')
        : vscode.l10n.t('Text that you send to this model stays on this machine.'),
      ...splitContext(model.contextLength),
      capabilities: {},
    }));
  }

  async provideLanguageModelChatResponse(
    model: vscode.LanguageModelChatInformation,
    messages: readonly vscode.LanguageModelChatRequestMessage[],
    options: vscode.ProvideLanguageModelChatResponseOptions,
    progress: vscode.Progress<vscode.LanguageModelResponsePart>,
    token: vscode.CancellationToken,
  ): Promise<void> {
    if (options.toolMode === vscode.LanguageModelChatToolMode.Required) {
      throw new vscode.LanguageModelError(vscode.l10n.t('{0} cannot call tools. Choose another model for this.', model.name));
    }
    const abort = new AbortController();
    const cancellation = token.onCancellationRequested(() => abort.abort());
    if (token.isCancellationRequested) {
      abort.abort();
    }
    try {
      const request = { modelId: model.id, messages: toChatMessages(messages), ...samplingOf(options.modelOptions) };
      const chunks = await this.options.api.inference.createChatCompletion(request, { signal: abort.signal });
      let wasCutOff = false;
      for await (const { text, finishReason } of chunks) {
        if (text !== undefined && text !== '') {
          progress.report(new vscode.LanguageModelTextPart(text));
        }
        wasCutOff = finishReason === 'cancelled';
      }
      if (wasCutOff && !abort.signal.aborted) {
        throw new JanError('engine-crashed', vscode.l10n.t('The model was unloaded before the answer was whole. Ask again.'));
      }
    } catch (error) {
      throw toLanguageModelError(error);
    } finally {
      cancellation.dispose();
    }
  }

  async provideTokenCount(_model: vscode.LanguageModelChatInformation, text: string | vscode.LanguageModelChatRequestMessage): Promise<number> {
    return estimateTokens(typeof text === 'string' ? text : textOf(text.content));
  }

  #announce(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#change.fire();
    }, 250);
  }

  dispose(): void {
    this.#owned.dispose();
  }
}

function toLanguageModelError(error: unknown): Error {
  const known = toJanError(error);
  switch (known.code) {
    case 'cancelled':
      return new vscode.CancellationError();
    case 'model-not-found':
    case 'model-file-missing':
    case 'no-model':
      return vscode.LanguageModelError.NotFound(known.message);
    case 'denied':
      return vscode.LanguageModelError.NoPermissions(known.message);
    default:
      return new vscode.LanguageModelError(known.message);
  }
}
