// A model backend in its smallest form: it answers with the user's own words, a word at a time.
// Must not know: VS Code, how Jan routes requests to it.

import type { ChatChunk, ChatRequest, InferenceModel, ModelBackend } from '../../../src/api/jan';

const model: InferenceModel = { id: 'echo', name: 'Echo', backendId: 'echo', loaded: true, remote: false };

export const echoBackend: ModelBackend = {
  id: 'echo',
  name: 'Echo',
  remote: false,
  getModels: async () => [model],
  createChatCompletion: (request, options) => echo(request, options?.signal),
};

async function* echo(request: ChatRequest, signal: AbortSignal | undefined): AsyncGenerator<ChatChunk> {
  const said = request.messages.findLast((message) => message.role === 'user')?.content ?? '';
  const words = said.split(/(?<=\s)/);
  let spoken = 0;
  for (const text of words) {
    if (signal?.aborted === true || spoken === request.maxTokens) {
      break;
    }
    spoken += 1;
    yield { text };
    await new Promise((resolve) => setImmediate(resolve));
  }
  const finishReason = signal?.aborted === true ? 'cancelled' : spoken < words.length ? 'length' : 'stop';
  yield { finishReason, usage: { promptTokens: words.length, completionTokens: spoken } };
}
