// /v1/models: every model of every backend.
// Source of the forms: OpenAI API reference, "Models"; Anthropic API reference, "Models", for its clients.
// Must not know: sockets, backends.

import type { InferenceModel } from '../api/jan';
import { sendJson, type Exchange } from './exchange';
import { HttpError } from './httpError';
import type { RouteServices } from './routes';

export async function answerModels({ response, dialect }: Exchange, { api }: RouteServices): Promise<void> {
  const models = await api.inference.getInferenceModels();
  if (dialect === 'anthropic') {
    const data = models.map(toAnthropicModel);
    sendJson(response, 200, { data, has_more: false, first_id: models[0]?.id ?? null, last_id: models.at(-1)?.id ?? null });
    return;
  }
  sendJson(response, 200, { object: 'list', data: models.map(toWireModel) });
}

export async function answerModel({ response, dialect }: Exchange, { api }: RouteServices, id: string): Promise<void> {
  const model = (await api.inference.getInferenceModels()).find((candidate) => candidate.id === id);
  if (model === undefined) {
    throw new HttpError(404, `There is no model "${id}". GET /v1/models lists those there are.`, { code: 'model_not_found', param: 'model' });
  }
  sendJson(response, 200, dialect === 'anthropic' ? toAnthropicModel(model) : toWireModel(model));
}

/** `created` is asked for by OpenAI's form and not known here: 0. What has no place in that form goes under `meta`. */
function toWireModel({ id, name, backendId, loaded, remote, contextLength, capabilities }: InferenceModel): unknown {
  return { id, object: 'model', created: 0, owned_by: backendId, meta: { name, loaded, remote, context_length: contextLength, capabilities } };
}

function toAnthropicModel({ id, name }: InferenceModel): unknown {
  return { type: 'model', id, display_name: name, created_at: '1970-01-01T00:00:00Z' };
}
