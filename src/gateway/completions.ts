// POST /v1/completions: a text continued, whole or as a stream; several prompts give several choices, one after
// another, those of one prompt side by side.
// Source of the form: OpenAI API reference, "Completions (legacy)". Must not know: sockets below the exchange, backends.

import { randomUUID } from 'node:crypto';
import * as v from 'valibot';
import type { ChatChunk, CompletionRequest, TokenLogprob, TokenUsage } from '../api/jan';
import { eachChunk, finishReasonOf, gatherAnswer, nowInSeconds, streamEvents, type Answer, type Generate } from './answer';
import { choicesField, formatOf, generationEntries, generationOf, harmlessFields, limitOf, streamingOf, type Streaming } from './chatRequest';
import { choiceOf, eachChoice, usageOfChoices } from './choices';
import { sendJson, type Exchange } from './exchange';
import { int32Max, integer, integerIn, isEmpty, readForm, text, type Form } from './fields';
import { finiteLogprob, toWireFinish, toWireUsage } from './openaiForm';
import { parseJson } from './requestBody';
import type { RouteServices } from './routes';
import { extrasOfChunk } from './timings';

const maxPrompts = 64;
const promptMessage = `must be a string, an array of tokens, or an array of at most ${maxPrompts} of them`;
const tokens = v.pipe(v.array(integer(0, int32Max), promptMessage), v.minLength(1, promptMessage), v.maxLength(2 ** 22, promptMessage));

const schema = v.object(
  {
    ...generationEntries,
    prompt: v.union(
      [text(), tokens, v.pipe(v.array(v.union([text(), tokens], promptMessage), promptMessage), v.minLength(1, promptMessage), v.maxLength(maxPrompts, promptMessage))],
      promptMessage,
    ),
    n: choicesField,
    suffix: v.optional(text()),
    logprobs: integerIn(0, 20),
  },
  'must be a JSON object',
);

const form: Form<typeof schema> = {
  schema,
  ignored: new Set(harmlessFields),
  neutral: {
    best_of: (value) => value === 1,
    echo: (value) => value === false,
    store: (value) => value === false,
    tools: isEmpty,
  },
  reasons: {
    best_of: 'All answers that are made are given: say "n", and leave "best_of" out.',
    echo: 'The prompt is not given back: "echo" must be false.',
  },
};

interface ParsedCompletion extends Streaming {
  /** One a prompt. */
  readonly requests: readonly CompletionRequest[];
  /** Of answers, a prompt. */
  readonly choices: number;
}

export function parseCompletionRequest(body: unknown): ParsedCompletion {
  const fields = readForm(form, body);
  const common = {
    ...generationOf(fields),
    maxTokens: limitOf(fields),
    suffix: fields.suffix === '' ? undefined : fields.suffix,
    logprobs: fields.logprobs,
    responseFormat: formatOf(fields, undefined),
  };
  const { prompt } = fields;
  const isOne = typeof prompt === 'string' || typeof prompt[0] === 'number';
  const prompts = (isOne ? [prompt] : prompt) as readonly (string | readonly number[])[];
  return { requests: prompts.map((one) => ({ ...common, prompt: one })), choices: fields.n ?? 1, ...streamingOf(fields) };
}

export async function answerCompletion(exchange: Exchange, services: RouteServices): Promise<void> {
  const { requests, choices: perPrompt, stream, includeUsage, extras } = parseCompletionRequest(parseJson(exchange.body));
  const generate = (request: CompletionRequest): Generate => (options) => services.api.inference.createCompletion(request, options);
  const head = { id: `cmpl-${randomUUID()}`, object: 'text_completion', created: nowInSeconds() };
  let model = requests[0]?.modelId ?? '';
  let usage: TokenUsage | undefined;

  if (!stream) {
    const choices: unknown[] = [];
    for (const [place, request] of requests.entries()) {
      const answers: Answer[] = [];
      await eachChoice(exchange, perPrompt, async (one, choice, begun) => {
        answers[choice] = await gatherAnswer(one, services, generate(choiceOf(request, choice)), begun);
      });
      model = answers[0]!.modelId ?? model;
      usage = sum(usage, usageOfChoices(answers));
      for (const [choice, { text, logprobs, finishReason }] of answers.entries()) {
        const wireLogprobs = request.logprobs === undefined ? null : toWireLogprobs(logprobs, 0);
        choices.push({ text, index: place * perPrompt + choice, logprobs: wireLogprobs, finish_reason: toWireFinish(finishReason) });
      }
    }
    sendJson(exchange.response, 200, { ...head, model, choices, usage: usage && toWireUsage(usage) });
    return;
  }

  await streamEvents(
    exchange,
    services,
    async (write) => {
      const event = (choices: readonly unknown[], more: object = {}): string =>
        `data: ${JSON.stringify({ ...head, model, choices, ...(includeUsage ? { usage: null } : {}), ...more })}\n\n`;
      for (const [place, request] of requests.entries()) {
        const endings: ChatChunk[] = [];
        await eachChoice(exchange, perPrompt, async (one, choice, begun) => {
          const index = place * perPrompt + choice;
          let last: ChatChunk = {};
          let offset = 0;
          await eachChunk(one, services, generate(choiceOf(request, choice)), (chunk) => {
            begun(chunk);
            model = chunk.modelId ?? model;
            last = chunk;
            const said = chunk.text ?? '';
            const more = extrasOfChunk(chunk, extras);
            if (said === '' && (chunk.logprobs ?? []).length === 0 && more.prompt_progress === undefined) {
              return undefined;
            }
            const logprobs = request.logprobs === undefined ? null : toWireLogprobs(chunk.logprobs ?? [], offset);
            offset += said.length;
            return write(event([{ text: said, index, logprobs, finish_reason: null }], more));
          });
          endings[choice] = last;
          await write(event([{ text: '', index, logprobs: null, finish_reason: toWireFinish(finishReasonOf(last, false)) }], extrasOfChunk(last, extras)));
        });
        usage = sum(usage, usageOfChoices(endings));
      }
      const ending = includeUsage && usage !== undefined ? event([], { usage: toWireUsage(usage) }) : '';
      await write(`${ending}data: [DONE]\n\n`);
    },
    (failure) => `event: error\ndata: ${JSON.stringify(failure.toWire())}\n\n`,
  );
}

/** The older form: parallel arrays. `text_offset` counts from the start of the answer. */
function toWireLogprobs(logprobs: readonly TokenLogprob[], start: number): unknown {
  let offset = start;
  return {
    tokens: logprobs.map((token) => token.text),
    token_logprobs: logprobs.map((token) => finiteLogprob(token.logprob)),
    top_logprobs: logprobs.map(({ top }) => Object.fromEntries(top.map((token) => [token.text, finiteLogprob(token.logprob)]))),
    text_offset: logprobs.map((token) => {
      const at = offset;
      offset += token.text.length;
      return at;
    }),
  };
}

function sum(a: TokenUsage | undefined, b: TokenUsage | undefined): TokenUsage | undefined {
  if (a === undefined || b === undefined) {
    return a ?? b;
  }
  return {
    promptTokens: a.promptTokens + b.promptTokens,
    completionTokens: a.completionTokens + b.completionTokens,
    cachedTokens: (a.cachedTokens ?? 0) + (b.cachedTokens ?? 0),
  };
}
