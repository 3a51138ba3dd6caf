import assert from 'node:assert/strict';
import type { ChatChunk, Conversation, JanApi, Message, ModelBackend } from '../../../src/api/jan';
import { isJanError, JanError } from '../../../src/common/errors';
import { nullLogger } from '../../../src/common/log';
import { createCore, type CallRecord, type Core } from '../../../src/core/core';

const conversation: Conversation = { id: 'c1', name: 'One', createdAt: 1, updatedAt: 1 };

describe('core', () => {
  let core: Core;
  let api: JanApi;

  beforeEach(() => {
    core = createCore({ log: nullLogger });
    api = core.api('test');
  });
  afterEach(() => core.dispose());

  const plugin = (id: string): ReturnType<JanApi['registerPlugin']> => api.registerPlugin({ id, name: id, version: '1.0.0' });
  const rejectsWith = (code: string) => (error: unknown) => isJanError(error) && error.code === code;

  it('reaches the provider by name and by facade', async () => {
    plugin('jan.data').registerProvider('getConversations', async (query) => [{ ...conversation, name: String(query?.limit) }]);
    assert.equal((await api.invoke('getConversations', { limit: 3 }))[0]?.name, '3');
    assert.equal((await api.data.getConversations({ limit: 4 }))[0]?.name, '4');
    assert.equal(api.DataService.GET_CONVERSATIONS, 'getConversations');
  });

  it('rejects a name nobody supplies, and a name that is no service', async () => {
    await assert.rejects(api.data.getConversations(), rejectsWith('no-provider'));
    await assert.rejects(api.invoke('toString' as 'getConversations'), rejectsWith('invalid-argument'));
    await assert.rejects(api.invoke('__proto__' as 'getConversations'), rejectsWith('invalid-argument'));
  });

  it('never resolves with undefined where a result is promised', async () => {
    plugin('jan.data').registerProvider('getConversations', (async () => undefined) as never);
    await assert.rejects(api.data.getConversations(), rejectsWith('provider-failed'));
  });

  it('lets services that return nothing return nothing', async () => {
    plugin('jan.data').registerProvider('deleteConversation', async () => undefined);
    assert.equal(await api.data.deleteConversation('c1'), undefined);
  });

  it('turns whatever a provider throws into a JanError', async () => {
    const data = plugin('jan.data');
    data.registerProvider('getConversations', () => {
      throw new TypeError('synchronous');
    });
    data.registerProvider('getConversation', async () => Promise.reject(new JanError('conversation-not-found', 'Gone.')));
    await assert.rejects(api.data.getConversations(), rejectsWith('provider-failed'));
    await assert.rejects(api.data.getConversation('x'), rejectsWith('conversation-not-found'));
  });

  it('turns an error in mid-stream into a JanError', async () => {
    plugin('jan.inference').registerProvider('createChatCompletion', async () => broken());
    const seen: string[] = [];
    const consume = async (): Promise<void> => {
      for await (const chunk of await api.inference.createChatCompletion({ messages: [] })) {
        seen.push(chunk.text ?? '');
      }
    };
    await assert.rejects(consume(), rejectsWith('provider-failed'));
    assert.deepEqual(seen, ['one']);
  });

  it('closes the provider\'s stream when the caller leaves the loop', async () => {
    let closed = false;
    plugin('jan.inference').registerProvider('createChatCompletion', async () =>
      endless(() => {
        closed = true;
      }),
    );
    for await (const chunk of await api.inference.createChatCompletion({ messages: [] })) {
      assert.equal(chunk.text, 'x');
      break;
    }
    assert.equal(closed, true);
  });

  describe('providers', () => {
    it('keeps the built-in one in force until the user chooses', async () => {
      plugin('acme.sql').registerProvider('getConversations', async () => [{ ...conversation, name: 'acme' }]);
      plugin('jan.data').registerProvider('getConversations', async () => [{ ...conversation, name: 'builtin' }]);
      assert.equal((await api.data.getConversations())[0]?.name, 'builtin');
      core.setProviderChoice({ data: 'acme.sql' });
      assert.equal((await api.data.getConversations())[0]?.name, 'acme');
      core.setProviderChoice({ data: 'acme.sql', getConversations: 'jan.data' });
      assert.equal((await api.data.getConversations())[0]?.name, 'builtin');
    });

    it('refuses rather than falls back when the chosen one is absent', async () => {
      plugin('jan.data').registerProvider('getConversations', async () => []);
      core.setProviderChoice({ data: 'acme.sql' });
      await assert.rejects(api.data.getConversations(), rejectsWith('no-provider'));
    });

    it('withdraws with the plugin', async () => {
      const data = plugin('jan.data');
      data.registerProvider('getConversations', async () => []);
      data.dispose();
      await assert.rejects(api.data.getConversations(), rejectsWith('no-provider'));
      assert.deepEqual(api.getPlugins(), []);
      plugin('jan.data');
    });

    it('refuses a second provider of the same plugin, unknown names and non-functions', () => {
      const data = plugin('jan.data');
      data.registerProvider('getConversations', async () => []);
      assert.throws(() => data.registerProvider('getConversations', async () => []), rejectsWith('plugin-conflict'));
      assert.throws(() => data.registerProvider('nope' as 'getConversations', async () => []), rejectsWith('invalid-argument'));
      assert.throws(() => data.registerProvider('getConversation', 1 as never), rejectsWith('plugin-invalid'));
    });
  });

  describe('plugins', () => {
    it('validates descriptions and refuses a taken id', () => {
      for (const bad of [undefined, {}, { id: '', name: 'x', version: '1.0.0' }, { id: 'a b', name: 'x', version: '1.0.0' }, { id: 'a', name: ' ', version: '1.0.0' }, { id: 'a', name: 'x', version: 'one' }]) {
        assert.throws(() => api.registerPlugin(bad as never), rejectsWith('plugin-invalid'));
      }
      plugin('acme.x');
      assert.throws(() => plugin('acme.x'), rejectsWith('plugin-conflict'));
    });

    it('reserves jan.* for built-in plugins', () => {
      const outside = core.api('api');
      assert.throws(() => outside.registerPlugin({ id: 'jan.fake', name: 'x', version: '1.0.0' }), rejectsWith('plugin-invalid'));
    });

    it('announces changes and lists what each supplies', () => {
      let changes = 0;
      api.onDidChangePlugins(() => (changes += 1));
      const acme = plugin('acme.x');
      acme.registerProvider('getConversations', async () => []);
      const guard = acme.registerGuard({ id: 'g', check: async () => ({ allow: true }) });
      assert.ok(changes >= 3);
      assert.deepEqual(api.getPlugins(), [
        { id: 'acme.x', name: 'acme.x', version: '1.0.0', builtin: false, providers: ['getConversations'], backends: [], guards: ['g'] },
      ]);
      guard.dispose();
      assert.deepEqual(api.getPlugins()[0]?.guards, []);
    });

    it('passes events on, and a listener that throws does not keep the others', () => {
      const seen: string[] = [];
      api.onDidChangeModels(() => {
        throw new Error('bad listener');
      });
      const subscription = api.onDidChangeModels(({ ids }) => seen.push(...ids));
      const handle = plugin('jan.models');
      handle.emit('onDidChangeModels', { ids: ['m'] });
      subscription.dispose();
      handle.emit('onDidChangeModels', { ids: ['n'] });
      assert.deepEqual(seen, ['m']);
      assert.throws(() => handle.emit('onDidNothing' as 'onDidChangeModels', { ids: [] }), rejectsWith('invalid-argument'));
    });
  });

  describe('guards', () => {
    let handle: ReturnType<JanApi['registerPlugin']>;
    beforeEach(() => {
      handle = plugin('acme.policy');
      plugin('jan.data').registerProvider('getConversations', async () => [conversation]);
    });

    it('sees name, group, arguments, caller and principal before the provider', async () => {
      const seen: unknown[] = [];
      handle.registerGuard({
        id: 'g',
        check: async (call) => {
          seen.push([call.name, call.group, call.args, call.caller, call.principal.id]);
          return { allow: true };
        },
      });
      await core.api('gateway').data.getConversations({ limit: 1 });
      await handle.invoke('getConversations');
      assert.deepEqual(seen, [
        ['getConversations', 'data', [{ limit: 1 }], 'gateway', 'local'],
        ['getConversations', 'data', [], 'plugin:acme.policy', 'local'],
      ]);
    });

    const doubts: readonly [string, () => unknown][] = [
      ['a denial', async () => ({ allow: false, reason: 'Not today.' })],
      ['a rejection', async () => Promise.reject(new Error('down'))],
      ['a throw', () => { throw new Error('down'); }],
      ['undefined', async () => undefined],
      ['a string', async () => 'yes'],
      ['a truthy allow', async () => ({ allow: 1 })],
    ];
    for (const [what, check] of doubts) {
      it(`denies on ${what}, with a reason`, async () => {
        handle.registerGuard({ id: 'g', check: check as never });
        await assert.rejects(api.data.getConversations(), (error) => isJanError(error, 'denied') && error.message.length > 5);
      });
    }

    it('lets deny win whatever the order', async () => {
      handle.registerGuard({ id: 'a', check: async () => ({ allow: true }) });
      const deny = handle.registerGuard({ id: 'b', check: async () => ({ allow: false, reason: 'No.' }) });
      handle.registerGuard({ id: 'c', check: async () => ({ allow: true }) });
      await assert.rejects(api.data.getConversations(), rejectsWith('denied'));
      deny.dispose();
      assert.equal((await api.data.getConversations()).length, 1);
    });
  });

  it('records every call with caller, provider and outcome, and none of its arguments', async () => {
    const records: CallRecord[] = [];
    core.onDidCall((record) => records.push(record));
    plugin('jan.data').registerProvider('createMessage', async () => Promise.reject<Message>(new JanError('store-read-only', 'No.')));
    await assert.rejects(api.data.createMessage({ conversationId: 'c', role: 'user', content: 'secret' }));
    assert.equal(records.length, 1);
    assert.equal(records[0]?.outcome, 'store-read-only');
    assert.equal(records[0]?.provider, 'jan.data');
    assert.ok(!JSON.stringify(records).includes('secret'));
  });

  it('prepares a group before its first call', async () => {
    const prepared: string[] = [];
    const lazy = createCore({
      log: nullLogger,
      prepare: (group) => {
        prepared.push(group);
        return undefined;
      },
    });
    await assert.rejects(lazy.api('test').monitoring.getCurrentLoad(), rejectsWith('no-provider'));
    assert.deepEqual(prepared, ['monitoring']);
    lazy.dispose();
  });

  describe('backends', () => {
    it('hands on every function that a backend has, and none that it lacks', async () => {
      const handle = plugin('acme.all');
      const called: unknown[] = [];
      const once = (name: string) => async (...args: unknown[]) => {
        called.push([name, ...args]);
        return name as never;
      };
      const names = ['createEmbeddings', 'rerankDocuments', 'tokenize', 'detokenize', 'countTokens', 'applyChatTemplate', 'estimateModelMemory'] as const;
      const least = { name: 'Least', remote: false, getModels: async () => [], async *createChatCompletion() {} };
      handle.registerBackend({
        ...least,
        id: 'all',
        async *createCompletion() {
          yield { text: 'more' };
          throw new Error('enough');
        },
        ...Object.fromEntries(names.map((name) => [name, once(name)])),
      });
      handle.registerBackend({ ...least, id: 'least' });
      const [all, bare] = handle.getBackends() as [ModelBackend, ModelBackend];
      for (const name of names) {
        assert.equal(await (all[name] as (...args: unknown[]) => Promise<unknown>)('a', 'b'), name);
        assert.equal(bare[name], undefined);
      }
      assert.deepEqual(called, names.map((name) => [name, 'a', 'b']));
      const pieces: unknown[] = [];
      await assert.rejects(
        async () => {
          for await (const piece of all.createCompletion!({ modelId: 'm', prompt: 'x' })) {
            pieces.push(piece);
          }
        },
        (error) => isJanError(error, 'backend-failed'),
      );
      assert.deepEqual(pieces, [{ text: 'more' }]);
      assert.equal(bare.createCompletion, undefined);
    });

    it('wraps failures in the backend\'s name and forgets a disposed backend', async () => {
      const handle = plugin('acme.ai');
      const registration = handle.registerBackend({
        id: 'acme',
        name: 'Acme AI',
        remote: true,
        getModels: async () => Promise.reject(new Error('offline')),
        createChatCompletion: () => broken(),
      });
      const backend = handle.getBackends()[0]!;
      await assert.rejects(backend.getModels(), (error) => isJanError(error, 'backend-failed') && error.message.includes('Acme AI'));
      assert.throws(() => handle.registerBackend({ ...backend }), rejectsWith('plugin-conflict'));
      assert.throws(() => handle.registerBackend({ ...backend, id: '../x' }), rejectsWith('plugin-invalid'));
      registration.dispose();
      assert.equal(handle.getBackends().length, 0);
    });
  });
});

async function* broken(): AsyncGenerator<ChatChunk> {
  yield { text: 'one' };
  throw new Error('connection lost');
}

async function* endless(onClose: () => void): AsyncGenerator<ChatChunk> {
  try {
    for (;;) {
      yield { text: 'x' };
    }
  } finally {
    onClose();
  }
}
