// /v1/models: every model that can be chatted with, of every backend.
// Source of the form: OpenAI API reference, "Models". Must not know: sockets, backends.

import type { InferenceModel } from '../api/jan';
import { sendJson, type Exchange } from './exchange';
import { HttpError } from './httpError';
import type { RouteServices } from './routes';

export async function answerModels({ response }: Exchange, { api }: RouteServices): Promise<void> {
  const models = await api.inference.getInferenceModels();
  sendJson(response, 200, { object: 'list', data: models.map(toWireModel) });
}

export async function answerModel({ response }: Exchange, { api }: RouteServices, id: string): Promise<void> {
  const model = (await api.inference.getInferenceModels()).find((candidate) => candidate.id === id);
  if (model === undefined) {
    throw new HttpError(404, `There is no model "${id}". GET /v1/models lists those there are.`, { code: 'model_not_found', param: 'model' });
  }
  sendJson(response, 200, toWireModel(model));
}

/** `created` is asked for by OpenAI's form and not known here: 0. What has no place in that form goes under `meta`. */
function toWireModel({ id, name, backendId, loaded, remote, contextLength }: InferenceModel): unknown {
  return { id, object: 'model', created: 0, owned_by: backendId, meta: { name, loaded, remote, context_length: contextLength } };
}
