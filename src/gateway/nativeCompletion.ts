// POST /completion (and /completions): a text continued, and /infill: a gap filled, in llama-server's own form, for the tools
// that were made for it. Source of the form: llama-server's README, "POST /completion" and "POST /infill". Must not know: sockets below the exchange, backends.

import type { ChatChunk, CompletionRequest, TokenLogprob, TokenUsage } from '../api/jan';
import { eachChunk, finishReasonOf, gatherAnswer, orGone, streamEvents, type Answer, type Generate } from './answer';
import { sendJson, type Exchange } from './exchange';
import { isObject } from './fields';
import { parseInfillRequest, parseNativeRequest, type NativePrompt, type NativeRequest } from './nativeRequest';
import { finiteLogprob } from './openaiForm';
import { parseJson } from './requestBody';
import type { RouteServices } from './routes';
import { extrasOfChunk, toWireTimings } from './timings';

export function answerNativeCompletion(exchange: Exchange, services: RouteServices): Promise<void> {
  return answerNative(exchange, services, parseNativeRequest(parseJson(exchange.body)));
}

export function answerInfill(exchange: Exchange, services: RouteServices): Promise<void> {
  return answerNative(exchange, services, parseInfillRequest(parseJson(exchange.body)));
}

async function answerNative(exchange: Exchange, services: RouteServices, native: NativeRequest): Promise<void> {
  const requests = await orGone(exchange.signal, () => completed(native, exchange, services));
  const generate = (request: CompletionRequest): Generate => (options) => services.api.inference.createCompletion(request, options);

  if (!native.stream) {
    const answers: unknown[] = [];
    for (const [index, request] of requests.entries()) {
      const answer = await gatherAnswer(exchange, services, generate(request));
      answers.push(chosen(lastOf(native, request, index, answer, await textOf(request, exchange, services)), native.fields));
    }
    sendJson(exchange.response, 200, native.isList ? answers : answers[0]);
    return;
  }

  await streamEvents(
    exchange,
    services,
    async (write) => {
      for (const [index, request] of requests.entries()) {
        const said: { text: string; modelId?: string; endTokens: readonly number[]; last: ChatChunk } = { text: '', endTokens: [], last: {} };
        await eachChunk(exchange, services, generate(request), (chunk) => {
          said.modelId = chunk.modelId ?? said.modelId;
          said.last = chunk;
          said.text += chunk.text ?? '';
          said.endTokens = chunk.endTokens ?? said.endTokens;
          const more = extrasOfChunk(chunk, native.extras);
          const pieces = more.prompt_progress === undefined ? piecesOf(chunk) : [{ text: '', logprobs: [] }];
          const events = pieces.map((piece) => event({ index, ...pieceOf(native, piece), ...more }));
          return events.length === 0 ? undefined : write(events.join(''));
        });
        const { last } = said;
        const answer = { ...last, modelId: said.modelId, text: said.text, endTokens: said.endTokens, logprobs: [], finishReason: finishReasonOf(last, false) };
        const whole = lastOf(native, request, index, answer, await textOf(request, exchange, services));
        await write(event(chosen({ ...whole, content: '', tokens: [], completion_probabilities: undefined }, native.fields)));
      }
    },
    (failure) => `event: error\ndata: ${JSON.stringify(failure.toWire())}\n\n`,
  );
}

/** With what only the model knows: the tokens of the texts among tokens, and of those with a bias. */
async function completed({ prompts, bias, request }: NativeRequest, { signal }: Exchange, { api }: RouteServices): Promise<readonly CompletionRequest[]> {
  const tokenize = (text: string, addSpecial: boolean, special: boolean): Promise<readonly number[]> =>
    api.inference.tokenize({ modelId: request.modelId, text, special, addSpecial }, { signal });
  const logitBias: Record<string, number> = {};
  for (const [what, value] of bias) {
    for (const token of typeof what === 'number' ? [what] : await tokenize(what, false, false)) {
      logitBias[token] = value;
    }
  }
  const tokensOf = async (prompt: NativePrompt): Promise<string | readonly number[]> => {
    if (typeof prompt === 'string') {
      return prompt;
    }
    const tokens: number[] = [];
    for (const [index, part] of prompt.entries()) {
      for (const token of typeof part === 'number' ? [part] : await tokenize(part, index === 0, true)) {
        tokens.push(token);
      }
    }
    return tokens;
  };
  const completions: CompletionRequest[] = [];
  for (const prompt of prompts) {
    completions.push({ ...request, prompt: await tokensOf(prompt), logitBias: bias.length === 0 ? undefined : logitBias });
  }
  return completions;
}

async function textOf({ prompt, modelId }: CompletionRequest, { signal }: Exchange, { api }: RouteServices): Promise<string> {
  return typeof prompt === 'string' ? prompt : orGone(signal, () => api.inference.detokenize({ modelId, tokens: prompt }, { signal }));
}

type Whole = Pick<Answer, 'modelId' | 'text' | 'logprobs' | 'finishReason' | 'endTokens'> & Pick<ChatChunk, 'stopString' | 'usage' | 'timings' | 'contextFull'>;

/** What the model's own settings decide is not known here: the settings are those that the request states. */
function lastOf(native: NativeRequest, { logitBias = {} }: CompletionRequest, index: number, answer: Whole, prompt: string): Readonly<Record<string, unknown>> {
  // JSON has no −∞.
  const forbidden = answer.endTokens.map((token) => ({ token, bias: null }));
  const usage: TokenUsage = answer.usage ?? { promptTokens: 0, completionTokens: 0 };
  return {
    index,
    ...pieceOf(native, { text: answer.text, logprobs: answer.logprobs }),
    stop: true,
    model: answer.modelId ?? native.request.modelId ?? '',
    tokens_predicted: usage.completionTokens,
    tokens_evaluated: usage.promptTokens,
    tokens_cached: usage.promptTokens + usage.completionTokens,
    generation_settings: { ...native.said, logit_bias: [...Object.entries(logitBias).map(([token, bias]) => ({ token: Number(token), bias })), ...forbidden] },
    prompt,
    has_new_line: answer.text.includes('\n'),
    truncated: answer.contextFull === true,
    stop_type: answer.finishReason === 'length' ? 'limit' : answer.stopString === undefined ? 'eos' : 'word',
    stopping_word: answer.stopString ?? '',
    timings: toWireTimings(usage, answer.timings ?? {}),
  };
}

type Piece = { readonly text: string; readonly logprobs: readonly TokenLogprob[] };

/** Tokens that came together, told one by one where their texts are known to be the text. */
function piecesOf({ text = '', logprobs = [] }: ChatChunk): readonly Piece[] {
  if (logprobs.length > 1 && logprobs.map((token) => token.text).join('') === text) {
    return logprobs.map((token) => ({ text: token.text, logprobs: [token] }));
  }
  return text === '' && logprobs.length === 0 ? [] : [{ text, logprobs }];
}

function pieceOf({ probabilities, afterSampling, returnTokens }: NativeRequest, { text, logprobs }: Piece): Readonly<Record<string, unknown>> {
  return {
    content: text,
    tokens: returnTokens ? logprobs.map(({ token }) => token) : [],
    stop: false,
    ...(probabilities === undefined ? {} : { completion_probabilities: logprobs.map(afterSampling ? toWireDrawn : toWireLogprob) }),
  };
}

type Alternative = Omit<TokenLogprob, 'top'>;

function toWireLogprob({ top, ...token }: TokenLogprob): object {
  const one = ({ logprob, ...said }: Alternative): object => ({ ...toWireToken(said), logprob: finiteLogprob(logprob) });
  return { ...one(token), top_logprobs: top.map(one) };
}

function toWireDrawn({ top, ...token }: TokenLogprob): object {
  const one = ({ logprob, ...said }: Alternative): object => ({ ...toWireToken(said), prob: Math.exp(logprob) });
  return { ...one(token), top_probs: top.map(one) };
}

function toWireToken({ token, text }: Pick<TokenLogprob, 'token' | 'text'>): object {
  return { id: token, token: text, bytes: [...Buffer.from(text)] };
}

/** Paths such as `generation_settings/n_predict`, each under its own name. */
function chosen(whole: Readonly<Record<string, unknown>>, fields: readonly string[]): Readonly<Record<string, unknown>> {
  if (fields.length === 0) {
    return whole;
  }
  const valueAt = (path: string): unknown =>
    path.split('/').reduce<unknown>((value, name) => (isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined), whole);
  return Object.fromEntries(fields.map((path) => [path, valueAt(path)]));
}

function event(value: Readonly<Record<string, unknown>>): string {
  return `data: ${JSON.stringify(value)}\n\n`;
}
