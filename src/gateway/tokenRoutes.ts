// /tokenize, /detokenize and /apply-template. Source of the forms: llama-server's README.
// Must not know: sockets below the exchange, backends.

import * as v from 'valibot';
import { orGone } from './answer';
import { parseChatRequest } from './chatRequest';
import { sendJson, type Exchange } from './exchange';
import { flag, int32Max, integer, modelField, readForm, refused, text, type Form } from './fields';
import { parseJson } from './requestBody';
import type { RouteServices } from './routes';

const tokenizeSchema = v.object(
  { model: modelField, content: text(), add_special: flag, parse_special: flag, with_pieces: flag },
  'must be a JSON object',
);
const tokenizeForm: Form<typeof tokenizeSchema> = { schema: tokenizeSchema, ignored: new Set(), neutral: {} };

/** Different tokens whose texts are asked for, for one request. */
const maxPieces = 10_000;

export async function answerTokenize({ body, response, signal }: Exchange, { api }: RouteServices): Promise<void> {
  const fields = readForm(tokenizeForm, parseJson(body));
  const request = {
    modelId: fields.model || undefined,
    text: fields.content,
    special: fields.parse_special ?? true, // llama-server's default
    addSpecial: fields.add_special ?? false,
  };
  const tokens = await orGone(signal, () => api.inference.tokenize(request, { signal }));
  if (fields.with_pieces !== true) {
    sendJson(response, 200, { tokens });
    return;
  }
  const different = [...new Set(tokens)];
  if (different.length > maxPieces) {
    throw refused('with_pieces', `must be false for a text with more than ${maxPieces} different tokens`);
  }
  const pieces = new Map<number, string>();
  for (const token of different) {
    pieces.set(token, await orGone(signal, () => api.inference.detokenize({ modelId: request.modelId, tokens: [token] }, { signal })));
  }
  sendJson(response, 200, { tokens: tokens.map((id) => ({ id, piece: pieces.get(id) })) });
}

const tokensMessage = 'must be an array of token numbers';
const detokenizeSchema = v.object(
  { model: modelField, tokens: v.pipe(v.array(integer(0, int32Max), tokensMessage), v.maxLength(2 ** 22, tokensMessage)) },
  'must be a JSON object',
);
const detokenizeForm: Form<typeof detokenizeSchema> = { schema: detokenizeSchema, ignored: new Set(), neutral: {} };

export async function answerDetokenize({ body, response, signal }: Exchange, { api }: RouteServices): Promise<void> {
  const { model, tokens } = readForm(detokenizeForm, parseJson(body));
  sendJson(response, 200, { content: await orGone(signal, () => api.inference.detokenize({ modelId: model || undefined, tokens }, { signal })) });
}

export async function answerApplyTemplate({ body, response, signal }: Exchange, { api }: RouteServices): Promise<void> {
  const { request } = parseChatRequest(parseJson(body));
  sendJson(response, 200, { prompt: await orGone(signal, () => api.inference.applyChatTemplate(request, { signal })) });
}
