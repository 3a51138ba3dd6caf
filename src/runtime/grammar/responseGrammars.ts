// From what an answer's form is asked to be to the grammar that holds it to it, made and checked in the sandbox.
// Must not know: slots, text, templates.

import type { Llama, LlamaGrammar, LlamaGrammarEvaluationState, LlamaModel } from 'node-llama-cpp';
import { JanError } from '../../common/errors';
import type { GenerationParams } from '../../protocol/runtimeProtocol';
import type { LlamaModule } from '../llamaLibrary';
import { SandboxFailure, type Sandbox } from '../sandbox/sandbox';
import type { GrammarJob } from '../sandbox/sandboxJobs';

/** Grammars that are kept ready; callers tend to ask for the same form again. */
const kept = 32;

export class ResponseGrammars {
  readonly #ready = new Map<string, LlamaGrammar>();

  constructor(
    private readonly module: LlamaModule,
    private readonly llama: Llama,
    private readonly sandbox: Sandbox,
  ) {}

  /** @throws JanError `invalid-argument` for a form that can't be held to, in words */
  async stateFor(model: LlamaModel, format: GenerationParams['responseFormat']): Promise<LlamaGrammarEvaluationState | undefined> {
    const job = jobOf(format);
    return job === undefined ? undefined : this.stateOf(model, job);
  }

  async stateOf(model: LlamaModel, job: GrammarJob): Promise<LlamaGrammarEvaluationState> {
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
      return await this.sandbox.run(job);
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
