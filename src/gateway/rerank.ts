// POST /v1/rerank and its other names: documents by their worth for a query.
// Source of the forms: Jina's reranker API, and that of Hugging Face's text-embeddings-inference (`texts`), as llama-server
// has both. Must not know: sockets below the exchange, backends.

import * as v from 'valibot';
import { orGone } from './answer';
import { sendJson, type Exchange } from './exchange';
import { flag, integerIn, isObject, modelField, readForm, refused, stringAt, text, type Form } from './fields';
import { promptUsage } from './openaiForm';
import { parseJson } from './requestBody';
import type { RouteServices } from './routes';

const documentsField = v.optional(
  v.pipe(
    v.array(v.unknown(), 'must be an array of texts'),
    v.minLength(1, 'must hold at least one document'),
    v.maxLength(1000, 'must hold at most 1000 documents'),
  ),
);

const schema = v.object(
  {
    model: modelField,
    query: text(),
    documents: documentsField,
    texts: documentsField,
    top_n: integerIn(1, 1000),
    return_documents: flag,
    return_text: flag,
  },
  'must be a JSON object',
);
const form: Form<typeof schema> = { schema, ignored: new Set(['user']), neutral: { raw_scores: (value) => value === false, truncate: (value) => value === false } };

export async function answerRerank(exchange: Exchange, { api, metrics }: RouteServices): Promise<void> {
  const fields = readForm(form, parseJson(exchange.body));
  if ((fields.documents === undefined) === (fields.texts === undefined)) {
    throw refused('documents', 'must be an array of texts (or "texts", for an answer in the form of text-embeddings-inference)');
  }
  const name = fields.texts === undefined ? 'documents' : 'texts';
  const documents = (fields.texts ?? fields.documents!).map((one, index) => stringAt(isObject(one) ? one['text'] : one, `${name}[${index}]`));
  const request = { modelId: fields.model || undefined, query: fields.query, documents, topN: fields.top_n };
  const result = await orGone(exchange.signal, () => api.inference.rerankDocuments(request, { signal: exchange.signal }));
  metrics.countTokens(result.usage);
  if (fields.texts !== undefined) {
    const isTold = fields.return_text === true;
    sendJson(exchange.response, 200, result.results.map(({ index, score }) => ({ index, score, ...(isTold ? { text: documents[index] } : {}) })));
    return;
  }
  const results = result.results.map(({ index, score }) => ({
    index,
    relevance_score: score,
    ...(fields.return_documents === true ? { document: { text: documents[index] } } : {}),
  }));
  sendJson(exchange.response, 200, { object: 'list', model: result.modelId, results, usage: promptUsage(result.usage.promptTokens) });
}
