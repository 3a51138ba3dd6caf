// A model's chat template: rendered in the sandbox under a deadline, probed once for what it can say.
// Must not know: tokens, slots, the context's length.

import { isJanError, JanError } from '../../common/errors';
import type { ChatPromptParams, WireMessage, WireTool } from '../../protocol/runtimeProtocol';
import { defaultReasoningTags, type ReasoningTags } from '../reasoningSplitter';
import { SandboxFailure, type Sandbox } from '../sandbox/sandbox';
import { messagesFor, toolText, type TemplateAbilities, type TemplateMessage } from './templateMessages';

export interface TemplateVariables {
  readonly bos_token: string;
  readonly eos_token: string;
  /** For templates that look through the tools also when there are none. */
  readonly tools?: readonly [];
}

export interface RenderedChat {
  readonly text: string;
  /** The answer to come begins within the reasoning. */
  readonly reasoningOpened: boolean;
  /** The prompt ends within an answer, which is gone on with. */
  readonly inAnswer: boolean;
  /** How to call tools is said in our words, not in the template's. */
  readonly ownToolWords: boolean;
}

/** Ends the text of an answer that is to be gone on with; a noncharacter, so that it is in no text. */
const endMark = '\uFDD1';
const probe = {
  system: 'JANPROBESYSTEM',
  user: 'JANPROBEUSER',
  answer: 'JANPROBEANSWER',
  thought: 'JANPROBETHOUGHT',
  later: 'JANPROBELATER',
  next: 'JANPROBENEXT',
  tool: 'jan_probe_tool',
  argument: 'JANPROBEARGUMENT',
  second: 'JANPROBESECOND',
  result: 'JANPROBERESULT',
};

const reasoningStyles: readonly ReasoningTags[] = [
  defaultReasoningTags,
  { open: '[THINK]', close: '[/THINK]' },
  { open: '<seed:think>', close: '</seed:think>' },
  { open: '<|START_THINKING|>', close: '<|END_THINKING|>' },
];

export class ChatTemplate {
  private constructor(
    readonly source: string,
    private readonly sandbox: Sandbox,
    private readonly variables: TemplateVariables,
    readonly abilities: TemplateAbilities,
    /** What comes between the end of an answer and the next message. */
    readonly afterAnswer: string,
  ) {}

  /** @throws SandboxFailure when the template can't be rendered at all */
  static async open(source: string, sandbox: Sandbox, variables: TemplateVariables): Promise<ChatTemplate> {
    try {
      return await ChatTemplate.#probe(source, sandbox, variables);
    } catch (error) {
      if (!(error instanceof SandboxFailure) || error.reason !== 'failed' || !source.includes('tools')) {
        throw error;
      }
      return await ChatTemplate.#probe(source, sandbox, { ...variables, tools: [] }).catch(() => Promise.reject(error));
    }
  }

  static async #probe(source: string, sandbox: Sandbox, variables: TemplateVariables): Promise<ChatTemplate> {
    const user = { role: 'user', content: probe.user };
    const answer = { role: 'assistant', content: probe.answer };
    const tools = [toolVariable({ name: probe.tool, description: 'x', parameters: { type: 'object', properties: {} } })];
    const call = { id: 'abcdef123', type: 'function', function: { name: probe.tool, arguments: { x: probe.argument } } };
    const rendered = (messages: readonly unknown[], more: { readonly tools?: readonly unknown[] } = {}): Promise<string> =>
      sandbox.run({ kind: 'render', template: source, variables: { ...today(), ...variables, ...functionsText(source, more.tools), messages, add_generation_prompt: true, ...more } });
    /** Each word, after the one before it. */
    const shows = async (words: readonly string[], messages: readonly unknown[], more?: { readonly tools: readonly unknown[] }): Promise<boolean> => {
      try {
        const text = await rendered(messages, more);
        let from = 0;
        return words.every((word) => {
          const at = text.indexOf(word, from);
          from = at + word.length;
          return at >= 0;
        });
      } catch (error) {
        if (error instanceof SandboxFailure && error.reason === 'failed') {
          return false;
        }
        throw error;
      }
    };
    // Also finds out whether the template can be used at all.
    const next = { role: 'user', content: probe.next };
    const turns = await rendered([user, answer, next]);
    const afterAnswer = turns.slice(turns.indexOf(probe.answer) + probe.answer.length, turns.indexOf(probe.next));
    const hasTools = await shows([probe.tool], [user], { tools });
    const called = (...calls: readonly (typeof call)[]): unknown[] => [
      user,
      { role: 'assistant', content: '', tool_calls: calls },
      ...calls.map(({ id }) => ({ role: 'tool', name: probe.tool, tool_call_id: id, content: probe.result })),
    ];
    const hasToolTurns = hasTools && (await shows([probe.argument, probe.result], called(call), { tools }));
    const second = { id: 'ghijkl456', type: 'function', function: { name: probe.tool, arguments: { x: probe.second } } };
    const system = { role: 'system', content: probe.system };
    const hasSystem = await shows([probe.system, probe.user], [system, user]);
    const later = [system, user, answer, { role: 'system', content: probe.later }, next];
    const abilities = {
      system: hasSystem,
      laterSystem: hasSystem && (await shows(later.map(({ content }) => content), later)),
      repeatedRoles: await shows([probe.user, probe.next], [user, next]),
      tools: hasTools,
      thinking: source.includes('.thinking'),
      pastReasoning: await shows([probe.thought, probe.next], [user, { ...answer, reasoning_content: probe.thought, thinking: probe.thought }, next]),
      toolTurns: hasToolTurns,
      parallelCalls: hasToolTurns && (await shows([probe.argument, probe.second, probe.result], called(call, second), { tools })),
      anyCallIds: hasToolTurns && (await shows([probe.argument, probe.result], called({ ...call, id: `call_${'0123456789abcdef'.repeat(2)}` }), { tools })),
    };
    return new ChatTemplate(source, sandbox, variables, abilities, turns.includes(probe.answer) ? afterAnswer : '');
  }

  /** OpenAI's format with channels, as gpt-oss speaks it. */
  get isHarmony(): boolean {
    return this.source.includes('<|channel|>') && this.source.includes('<|message|>');
  }

  get reasoningTags(): ReasoningTags {
    return reasoningStyles.find(({ open }) => this.source.includes(open)) ?? defaultReasoningTags;
  }

  /**
   * What a template can say of calls and tools is probed with plain ones; where it refuses others, the values that such
   * templates stumble over go, and then all of it is said in our words: else the conversation could not be gone on with.
   * @param mark is applied to every text that comes from a caller
   * @throws JanError `invalid-argument` when the template refuses the conversation, `model-invalid` when it has no end
   */
  async render(params: ChatPromptParams, mark: (text: string) => string = (text) => text): Promise<RenderedChat> {
    const hasTools = this.abilities.tools && ((params.toolChoice !== 'none' && (params.tools ?? []).length > 0) || params.messages.some(({ role, toolCalls = [] }) => role === 'tool' || toolCalls.length > 0));
    const plain = { ...this.abilities, tools: false, toolTurns: false };
    let refusal: unknown;
    for (const way of hasTools ? [{ abilities: this.abilities }, { abilities: this.abilities, withoutNulls: true }, { abilities: plain }] : [{ abilities: this.abilities }]) {
      try {
        return await this.#renderBy(way, params, mark);
      } catch (error) {
        if (!isJanError(error, 'invalid-argument')) {
          throw error;
        }
        refusal ??= error;
      }
    }
    throw refusal;
  }

  async #renderBy(
    { abilities, withoutNulls = false }: { readonly abilities: TemplateAbilities; readonly withoutNulls?: boolean },
    params: ChatPromptParams,
    mark: (text: string) => string,
  ): Promise<RenderedChat> {
    const tools = params.toolChoice === 'none' ? [] : (params.tools ?? []);
    const last = params.messages.at(-1)!;
    const goesOn = last.role === 'assistant' && (last.toolCalls ?? []).length === 0;
    const messages: readonly WireMessage[] = goesOn ? [...params.messages.slice(0, -1), { ...last, content: last.content + endMark }] : params.messages;
    const said = messagesFor(messages, abilities, abilities.tools ? undefined : toolText(tools));
    const described = tools.map(toolVariable);
    const toolVariables = tools.length > 0 && abilities.tools ? (marked(withoutNulls ? withoutNullMembers(described) : described, mark) as readonly unknown[]) : undefined;
    const variables = {
      ...today(),
      ...(params.templateVariables === undefined ? {} : (marked(params.templateVariables, mark) as object)),
      ...this.variables,
      messages: marked(withoutNulls ? said.map(nullsAsText) : said, mark),
      ...(toolVariables === undefined ? {} : { tools: toolVariables }),
      ...functionsText(this.source, toolVariables),
      add_generation_prompt: !goesOn && params.templateVariables?.['add_generation_prompt'] !== false,
    };
    let text = await this.#run(variables, params.messages);
    const end = text.lastIndexOf(endMark);
    if (end >= 0) {
      text = text.slice(0, end);
    } else if (goesOn) {
      // The template did not take the answer's text as it is: it is answered anew.
      text = await this.#run({ ...variables, add_generation_prompt: true }, params.messages);
    }
    const ownToolWords = tools.length > 0 && !abilities.tools;
    return { text, inAnswer: end >= 0, ownToolWords, reasoningOpened: end < 0 && text.trimEnd().endsWith(this.reasoningTags.open) };
  }

  async #run(variables: Readonly<Record<string, unknown>>, messages: readonly WireMessage[]): Promise<string> {
    try {
      return await this.sandbox.run({ kind: 'render', template: this.source, variables }, extraTime(messages));
    } catch (error) {
      if (!(error instanceof SandboxFailure)) {
        throw error;
      }
      throw error.reason === 'failed'
        ? new JanError('invalid-argument', `The model’s chat template refuses this conversation: ${error.message.slice(0, 500)}`, { cause: error })
        : new JanError(
            'model-invalid',
            `The model’s chat template can’t be used: ${error.message}. Give the model another one in its settings, or choose another model.`,
            { cause: error },
          );
    }
  }
}

/** Some templates want the tools as a text, under this name. Source: llama.cpp, for firefunction. */
function functionsText(source: string, tools: readonly unknown[] = []): { readonly functions?: string } {
  return /\bfunctions\b/.test(source) ? { functions: tools.length === 0 ? '' : JSON.stringify(tools, undefined, 2) } : {};
}

/** Templates ask for the day under these names. Source: llama.cpp. */
function today(): { readonly date_string: string; readonly datetime: string } {
  const [month = '', day = '', year = ''] = new Date().toLocaleDateString('en-US', { month: 'short', day: '2-digit', year: 'numeric' }).split(/,? /);
  return { date_string: `${day} ${month} ${year}`, datetime: `${month} ${day} ${year}` };
}

/** Long conversations take their time in good templates too, ms. */
function extraTime(messages: readonly WireMessage[]): number {
  return messages.length / 2 + messages.reduce((sum, { content }) => sum + content.length, 0) / 20_000;
}

function toolVariable({ name, description, parameters }: WireTool): Readonly<Record<string, unknown>> {
  return { type: 'function', function: { name, description: description ?? '', parameters: parameters ?? { type: 'object', properties: {} } } };
}

/** As templates that write arguments one by one would write it. */
function nullsAsText(message: TemplateMessage): TemplateMessage {
  const calls = message.tool_calls?.map((call) => {
    const named = Object.entries(call.function.arguments as object).map(([key, value]: [string, unknown]) => [key, value ?? 'null']);
    return { ...call, function: { ...call.function, arguments: Object.fromEntries(named) as object } };
  });
  return calls === undefined ? message : { ...message, tool_calls: calls };
}

/** `"default": null` and its like. */
function withoutNullMembers(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.map(withoutNullMembers);
  }
  return typeof value === 'object' && value !== null
    ? Object.fromEntries(Object.entries(value).flatMap(([key, item]: [string, unknown]) => (item === null ? [] : [[key, withoutNullMembers(item)]])))
    : value;
}

/** Every text within, changed. Keys too: those of a tool's parameters and of arguments are a caller's. */
function marked(value: unknown, mark: (text: string) => string): unknown {
  if (typeof value === 'string') {
    return mark(value);
  }
  if (Array.isArray(value)) {
    return value.map((item) => marked(item, mark));
  }
  return typeof value === 'object' && value !== null
    ? Object.fromEntries(Object.entries(value).map(([key, item]) => [mark(key), marked(item, mark)]))
    : value;
}
