// POST /v1/embeddings: texts as vectors. Source of the form: OpenAI API reference, "Create embeddings".
// Must not know: sockets below the exchange, backends.

import * as v from 'valibot';
import { orGone } from './answer';
import { sendJson, type Exchange } from './exchange';
import { modelField, readForm, refused, stringAt, unsupported, type Form } from './fields';
import { promptUsage } from './openaiForm';
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
  sendJson(exchange.response, 200, { object: 'list', data, model: result.modelId, usage: promptUsage(result.usage.promptTokens) });
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
