// POST /v1/embeddings and /v1/rerank: texts as vectors, documents by their worth for a query.
// Source of the forms: OpenAI API reference, "Create embeddings"; Jina's reranker API, as llama-server has it.
// Must not know: sockets below the exchange, backends.

import * as v from 'valibot';
import { orGone } from './answer';
import { sendJson, type Exchange } from './exchange';
import { flag, integerIn, isObject, modelField, readForm, refused, stringAt, text, unsupported, type Form } from './fields';
import { parseJson } from './requestBody';
import type { RouteServices } from './routes';

const inputMessage = 'must be a string or an array of 1 to 2048 strings';

const embeddingSchema = v.object(
  {
    model: modelField,
    input: v.unknown(),
    encoding_format: v.optional(v.picklist(['float', 'base64'], 'must be float or base64')),
  },
  'must be a JSON object',
);
const embeddingForm: Form<typeof embeddingSchema> = {
  schema: embeddingSchema,
  ignored: new Set(['user']),
  neutral: { dimensions: () => false },
  reasons: { dimensions: 'A model’s vectors have one length only: leave "dimensions" out.' },
};

export async function answerEmbeddings(exchange: Exchange, { api, metrics }: RouteServices): Promise<void> {
  const { model, input, encoding_format: encoding } = readForm(embeddingForm, parseJson(exchange.body));
  const request = { modelId: model || undefined, input: textsOf(input) };
  const result = await orGone(exchange.signal, () => api.inference.createEmbeddings(request, { signal: exchange.signal }));
  metrics.countTokens(result.usage);
  const data = result.embeddings.map((vector, index) => ({ object: 'embedding', index, embedding: encoding === 'base64' ? toBase64(vector) : vector }));
  sendJson(exchange.response, 200, { object: 'list', data, model: result.modelId, usage: usageOf(result.usage.promptTokens) });
}

/** Little-endian 32-bit floats. */
function toBase64(vector: readonly number[]): string {
  const bytes = Buffer.alloc(vector.length * 4);
  vector.forEach((value, index) => bytes.writeFloatLE(value, index * 4));
  return bytes.toString('base64');
}

function textsOf(input: unknown): readonly string[] {
  const texts: unknown = typeof input === 'string' ? [input] : input;
  if (!Array.isArray(texts) || texts.length === 0 || texts.length > 2048) {
    throw refused('input', inputMessage);
  }
  return texts.map((one: unknown, index) => {
    if (typeof one === 'number' || Array.isArray(one)) {
      throw unsupported('input', 'Tokens are not taken as "input", since models differ in them: send text. (LangChain: check_embedding_ctx_length=False.)');
    }
    return stringAt(one, `input[${index}]`);
  });
}

const rerankSchema = v.object(
  {
    model: modelField,
    query: text(),
    documents: v.pipe(
      v.array(v.unknown(), 'must be an array of texts'),
      v.minLength(1, 'must hold at least one document'),
      v.maxLength(1000, 'must hold at most 1000 documents'),
    ),
    top_n: integerIn(1, 1000),
    return_documents: flag,
  },
  'must be a JSON object',
);
const rerankForm: Form<typeof rerankSchema> = { schema: rerankSchema, ignored: new Set(['user']), neutral: {} };

export async function answerRerank(exchange: Exchange, { api, metrics }: RouteServices): Promise<void> {
  const fields = readForm(rerankForm, parseJson(exchange.body));
  const documents = fields.documents.map((one, index) => stringAt(isObject(one) ? one['text'] : one, `documents[${index}]`));
  const request = { modelId: fields.model || undefined, query: fields.query, documents, topN: fields.top_n };
  const result = await orGone(exchange.signal, () => api.inference.rerankDocuments(request, { signal: exchange.signal }));
  metrics.countTokens(result.usage);
  const results = result.results.map(({ index, score }) => ({
    index,
    relevance_score: score,
    ...(fields.return_documents === true ? { document: { text: documents[index] } } : {}),
  }));
  sendJson(exchange.response, 200, { object: 'list', model: result.modelId, results, usage: usageOf(result.usage.promptTokens) });
}

function usageOf(promptTokens: number): unknown {
  return { prompt_tokens: promptTokens, total_tokens: promptTokens };
}
