// A core with one backend whose answers a test scripts, and a gateway before it.
// Must not know: assertions.

import type { CallOptions, ChatChunk, ChatRequest, InferenceEndpoint, InferenceModel, PluginHandle } from '../../../src/api/jan';
import { JanError } from '../../../src/common/errors';
import { DisposableStore, type Disposable } from '../../../src/common/lifecycle';
import type { Logger } from '../../../src/common/log';
import { createCore, type Core } from '../../../src/core/core';
import { createGateway, type Gateway, type GatewayLimits, type TokenVerifier } from '../../../src/gateway/gateway';

export type Answer = (request: ChatRequest, signal: AbortSignal | undefined) => AsyncIterable<ChatChunk>;

export interface EchoCore extends Disposable {
  readonly core: Core;
  readonly plugin: PluginHandle;
  readonly gateway: Gateway;
  readonly endpoint: InferenceEndpoint;
  readonly port: number;
  /** Every line that was logged, with its details. */
  readonly logged: readonly string[];
  /** The chats that reached the backend. */
  readonly requests: readonly ChatRequest[];
}

export const echoModel: InferenceModel = { id: 'test/echo', name: 'Echo', backendId: 'echo', loaded: true, remote: false, contextLength: 100 };

/** Says the last message back, a word a chunk, and counts words as tokens. */
export async function* echo(request: ChatRequest): AsyncGenerator<ChatChunk> {
  const words = (request.messages.at(-1)?.content ?? '').split(/(?= )/);
  let first: string | undefined = request.modelId ?? echoModel.id;
  for (const text of words) {
    yield { text, modelId: first };
    first = undefined;
  }
  yield { finishReason: 'stop', usage: { promptTokens: 3, completionTokens: words.length, cachedTokens: 1 } };
}

export interface EchoOptions {
  readonly answer?: Answer;
  readonly limits?: Partial<GatewayLimits>;
  readonly tokens?: TokenVerifier;
}

export async function createEchoCore(options: EchoOptions = {}): Promise<EchoCore> {
  const owned = new DisposableStore();
  const logged: string[] = [];
  const note = (message: string, ...details: unknown[]): void => {
    logged.push([message, ...details.map((detail) => (detail instanceof Error ? detail.stack : JSON.stringify(detail)))].join(' '));
  };
  const log: Logger = { trace: note, debug: note, info: note, warn: note, error: note };
  const requests: ChatRequest[] = [];
  const core = owned.add(createCore({ log }));
  const plugin = core.api('builtin').registerPlugin({ id: 'test.echo', name: 'Echo', version: '1.0.0' });
  plugin.registerBackend({
    id: 'echo',
    name: 'Echo',
    remote: false,
    getModels: () => Promise.resolve([echoModel]),
    createChatCompletion: (request, call) => (options.answer ?? echo)(request, call?.signal),
  });
  plugin.registerProvider('getInferenceModels', async () => {
    const lists = await Promise.all(plugin.getBackends().map((backend) => backend.getModels()));
    return lists.flat();
  });
  const chat = async (request: ChatRequest, call: CallOptions | undefined): Promise<AsyncIterable<ChatChunk>> => {
    requests.push(request);
    const modelId = request.modelId ?? echoModel.id;
    for (const backend of plugin.getBackends()) {
      if ((await backend.getModels()).some((model) => model.id === modelId)) {
        return backend.createChatCompletion({ ...request, modelId }, call);
      }
    }
    throw new JanError('model-not-found', `There is no model "${modelId}".`);
  };
  plugin.registerProvider('createChatCompletion', chat);
  plugin.registerProvider('createCompletion', ({ prompt, suffix, ...request }, call) => {
    const content = (typeof prompt === 'string' ? prompt : String.fromCodePoint(...prompt)) + (suffix === undefined ? '' : `_${suffix}`);
    return chat({ ...request, messages: [{ role: 'user', content }] }, call);
  });
  plugin.registerProvider('createEmbeddings', ({ input }) =>
    Promise.resolve({ modelId: echoModel.id, embeddings: input.map((text) => [text.length, 0.5]), usage: { promptTokens: input.length, completionTokens: 0 } }),
  );
  plugin.registerProvider('rerankDocuments', ({ documents, topN }) => {
    const results = documents.map((text, index) => ({ index, score: 1 / text.length })).sort((a, b) => b.score - a.score);
    return Promise.resolve({ modelId: echoModel.id, results: results.slice(0, topN), usage: { promptTokens: 7, completionTokens: 0 } });
  });
  plugin.registerProvider('tokenize', ({ text, addSpecial }) => Promise.resolve([...(addSpecial === true ? [1] : []), ...Array.from(text, (letter) => letter.codePointAt(0)!)]));
  plugin.registerProvider('detokenize', ({ tokens }) => Promise.resolve(String.fromCodePoint(...tokens)));
  plugin.registerProvider('countTokens', (request) => Promise.resolve({ modelId: echoModel.id, tokens: templateOf(request).length }));
  plugin.registerProvider('applyChatTemplate', (request) => Promise.resolve(templateOf(request)));
  const gateway = owned.add(createGateway({ api: core.api('gateway'), log, limits: options.limits, tokens: options.tokens }));
  const endpoint = await gateway.start();
  return {
    core,
    plugin,
    gateway,
    endpoint,
    port: Number(new URL(endpoint.url).port),
    logged,
    requests,
    dispose: () => owned.dispose(),
  };
}

function templateOf({ messages }: ChatRequest): string {
  return messages.map(({ role, content }) => `<${role}>${content}`).join('');
}

/** A promise to be kept by hand. */
export class Gate {
  open!: () => void;
  readonly opened = new Promise<void>((resolve) => {
    this.open = resolve;
  });
}
