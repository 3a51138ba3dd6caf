// A model's chat templates, ready to use: the one of its file, and those that callers give it instead.
// Must not know: requests, slots.

import type { LlamaModel } from 'node-llama-cpp';
import { isJanError, JanError } from '../../common/errors';
import type { Logger } from '../../common/log';
import { ChatPromptBuilder } from '../chatPrompt';
import type { Sandbox } from '../sandbox/sandbox';
import { templateSource } from './builtinTemplates';
import { ChatTemplate, type TemplateVariables } from './chatTemplate';

/** Templates of callers that are kept ready. */
const kept = 4;

export class ModelTemplates {
  readonly #others = new Map<string, Promise<ChatPromptBuilder>>();
  #own: ChatPromptBuilder;

  private constructor(
    private readonly model: LlamaModel,
    private readonly sandbox: Sandbox,
    own: ChatPromptBuilder,
    /** What went otherwise than the file says, in words. */
    readonly note: string | undefined,
  ) {
    this.#own = own;
  }

  /**
   * A template of the file that can't be used is no reason not to load the model; one that a caller gave is.
   * @throws JanError `invalid-argument` for `override`
   */
  static async open(model: LlamaModel, sandbox: Sandbox, override: string | undefined, log: Logger): Promise<ModelTemplates> {
    if (override !== undefined) {
      return new ModelTemplates(model, sandbox, await openOverride(model, sandbox, override), undefined);
    }
    const stated: unknown = model.fileInfo.metadata?.tokenizer?.chat_template;
    const own = typeof stated === 'string' ? stated : undefined;
    const hasChatMl = model.tokenize('<|im_start|>', true).length === 1 && model.tokenize('<|im_end|>', true).length === 1;
    try {
      return new ModelTemplates(model, sandbox, await openBuilder(model, sandbox, templateSource(own, hasChatMl)), undefined);
    } catch (error) {
      if (isJanError(error)) {
        // Not the template's fault.
        throw error;
      }
      const reason = error instanceof Error ? error.message : String(error);
      log.warn(`The model's chat template cannot be used, a general one is: ${reason}`);
      const note = `The chat template in the model’s file can’t be used (${reason.slice(0, 200)}), so a general one is. Give the model another one in its settings.`;
      return new ModelTemplates(model, sandbox, await openBuilder(model, sandbox, templateSource(undefined, hasChatMl)), note);
    }
  }

  /** @throws JanError `invalid-argument` for an `override` that can't be used */
  async builderFor(override: string | undefined): Promise<ChatPromptBuilder> {
    if (override === undefined || override === this.#own.template.source) {
      return this.#own;
    }
    let other = this.#others.get(override);
    if (other === undefined) {
      if (this.#others.size >= kept) {
        this.#others.delete(this.#others.keys().next().value!);
      }
      other = openOverride(this.model, this.sandbox, override);
      this.#others.set(override, other);
      other.catch(() => this.#others.delete(override));
    }
    return other;
  }

  /** Makes `override` the one that is used when a request names none. */
  async setDefault(override: string): Promise<void> {
    this.#own = await this.builderFor(override);
  }
}

async function openOverride(model: LlamaModel, sandbox: Sandbox, source: string): Promise<ChatPromptBuilder> {
  try {
    return await openBuilder(model, sandbox, source);
  } catch (error) {
    if (isJanError(error)) {
      throw error;
    }
    throw new JanError('invalid-argument', `The chat template can’t be used: ${error instanceof Error ? error.message.slice(0, 500) : String(error)}`, {
      details: { field: 'chatTemplate' },
      cause: error,
    });
  }
}

async function openBuilder(model: LlamaModel, sandbox: Sandbox, source: string): Promise<ChatPromptBuilder> {
  const variables: TemplateVariables = { bos_token: model.tokens.bosString ?? '', eos_token: model.tokens.eosString ?? '' };
  return new ChatPromptBuilder(model, await ChatTemplate.open(source, sandbox, variables));
}
