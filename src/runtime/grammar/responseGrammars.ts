// From what an answer's form is asked to be to the grammar that holds it to it, made and checked in the sandbox.
// Must not know: slots, text, templates.

import type { Llama, LlamaGrammar, LlamaGrammarEvaluationState, LlamaModel } from 'node-llama-cpp';
import { JanError } from '../../common/errors';
import type { GenerationParams } from '../../protocol/runtimeProtocol';
import type { LlamaModule } from '../llamaLibrary';
import { SandboxFailure, type Sandbox } from '../sandbox/sandbox';
import type { GrammarJob } from '../sandbox/sandboxJobs';
import type { ToolUse } from '../tools/toolUse';

/** Grammars that are kept ready; callers tend to ask for the same form again. */
const kept = 32;

/** More time than other jobs have: each rule of a grammar is looked through, once for all answers. */
const lookingThroughMs = 500;

export interface AnswerGrammar {
  readonly state: LlamaGrammarEvaluationState;
  /** In force for the whole answer, or from the mark of a tool's call on. */
  readonly from: 'answer' | 'call';
}

export class ResponseGrammars {
  readonly #ready = new Map<string, LlamaGrammar>();

  constructor(
    private readonly module: LlamaModule,
    private readonly llama: Llama,
    private readonly sandbox: Sandbox,
  ) {}

  /**
   * A form that was asked for goes before what tools would like.
   * @throws JanError `invalid-argument` for a form that can't be held to, in words
   */
  async forAnswer(model: LlamaModel, format: GenerationParams['responseFormat'], tools: ToolUse['grammar']): Promise<AnswerGrammar | undefined> {
    const job = jobOf(format);
    if (job !== undefined && tools?.required !== true) {
      return { state: await this.#stateOf(model, job), from: 'answer' };
    }
    if (tools === undefined) {
      return undefined;
    }
    try {
      return { state: await this.#stateOf(model, tools.job), from: tools.from };
    } catch (error) {
      if (tools.required) {
        throw error;
      }
      // The model is left to keep to the schema by itself.
      return undefined;
    }
  }

  async #stateOf(model: LlamaModel, job: GrammarJob): Promise<LlamaGrammarEvaluationState> {
    const key = JSON.stringify(job);
    let grammar = this.#ready.get(key);
    if (grammar === undefined) {
      grammar = this.#compile(await this.#checked(job));
      if (this.#ready.size >= kept) {
        this.#ready.delete(this.#ready.keys().next().value!);
      }
      this.#ready.set(key, grammar);
    }
    return new this.module.LlamaGrammarEvaluationState({ model, grammar });
  }

  async #checked(job: GrammarJob): Promise<string> {
    try {
      return await this.sandbox.run(job, lookingThroughMs);
    } catch (error) {
      if (error instanceof SandboxFailure) {
        throw new JanError('invalid-argument', `The form of the answer can’t be held to: ${error.message}. Ask for a simpler one.`, {
          details: { field: 'responseFormat' },
          cause: error,
        });
      }
      throw error;
    }
  }

  #compile(grammar: string): LlamaGrammar {
    try {
      return new this.module.LlamaGrammar(this.llama, { grammar });
    } catch (error) {
      throw new JanError('invalid-argument', 'The grammar can’t be used: llama.cpp does not read it. See its grammars/README.md.', {
        details: { field: 'responseFormat' },
        cause: error,
      });
    }
  }
}

function jobOf(format: GenerationParams['responseFormat']): GrammarJob | undefined {
  switch (format?.type) {
    case undefined:
    case 'text':
      return undefined;
    case 'json':
      return { kind: 'grammar', form: 'json' };
    case 'json-schema':
      return { kind: 'grammar', form: 'schema', schema: format.schema };
    case 'grammar':
      return { kind: 'grammar', form: 'gbnf', grammar: format.grammar };
  }
}
