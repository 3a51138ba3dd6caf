import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { writeRwkvModel } from '../../../fixtures/gguf/rwkvModels';
import { ask, createHarness, modelAt, type Harness } from './inferenceHarness';

const user = (content: string) => ({ role: 'user' as const, content });

for (const version of [6, 7] as const) {
  describe(`RWKV ${version}, by the real engine`, function () {
    this.timeout(90_000);
    let harness: Harness;
    let folder: string;

    before(async () => {
      folder = await mkdtemp(path.join(os.tmpdir(), 'jan-gguf-'));
      const file = path.join(folder, 'rwkv.gguf');
      await writeRwkvModel(file, version);
      harness = await createHarness([modelAt('rwkv', file)], { starterModelId: 'rwkv' });
    });
    after(async () => {
      await harness.dispose();
      await rm(folder, { recursive: true, force: true });
    });

    it('is loaded, speaks in its own turns and its own tokens', async () => {
      const running = await harness.api.inference.initModel('rwkv');
      assert.equal(running.status, 'ready');
      assert.equal(running.contextLength, 8192);
      assert.equal(running.notes, undefined);
      assert.equal(await harness.api.inference.applyChatTemplate({ messages: [user('Hi')] }), 'User: Hi\n\nAssistant:');
      const text = 'the cat, Grüße 你好\n';
      assert.equal(await harness.api.inference.detokenize({ tokens: await harness.api.inference.tokenize({ text }) }), text);
    });

    it('answers the same when greedy, in pieces, to the length asked for', async () => {
      const first = await ask(harness.api, { messages: [user('Hello')], maxTokens: 60, temperature: 0 });
      assert.equal(first.last.finishReason, 'length');
      assert.equal(first.last.usage!.completionTokens, 60);
      assert.ok(first.chunks.length > 1 && first.text.length > 60);
      await ask(harness.api, { messages: [user('Something else entirely')], maxTokens: 10, temperature: 0 });
      const again = await ask(harness.api, { messages: [user('Hello')], maxTokens: 60, temperature: 0 });
      assert.equal(again.text, first.text, 'what was said to others leaves no trace');
    });

    it('goes on from its state when a conversation goes on, and says what it would have said without it', async () => {
      const messages = [user('Tell me of cats '.repeat(20))];
      const first = await ask(harness.api, { messages, maxTokens: 20, temperature: 0 });
      const next = [...messages, { role: 'assistant' as const, content: first.text }, user('and then')];
      const warm = await ask(harness.api, { messages: next, maxTokens: 20, temperature: 0 });
      assert.ok(warm.last.usage!.cachedTokens! >= first.last.usage!.promptTokens - 1, `${warm.last.usage!.cachedTokens} tokens reused`);
      // An edit of the beginning can't be cut out of a state: it is read anew.
      const edited = [user('Tell me of dogs '.repeat(20)), ...next.slice(1)];
      const other = await ask(harness.api, { messages: edited, maxTokens: 20, temperature: 0 });
      await harness.api.inference.stopModel('rwkv');
      assert.equal((await ask(harness.api, { messages: next, maxTokens: 20, temperature: 0 })).text, warm.text);
      await harness.api.inference.stopModel('rwkv');
      assert.equal((await ask(harness.api, { messages: edited, maxTokens: 20, temperature: 0 })).text, other.text);
    });

    it('goes back within a conversation that was away as if nobody else had been there', async () => {
      const { inference } = harness.api;
      const slots = 4;
      const talk = (about: string, times: number) => [user(`Tell me of ${about} `.repeat(times))];
      const say = async (messages: Parameters<typeof ask>[1]['messages'], maxTokens = 1) => ask(harness.api, { messages, maxTokens, temperature: 0, logprobs: 3 });
      const cats = talk('cats', 80);
      const first = await say(cats);
      for (let other = 0; other < slots + 1; other++) {
        // Shorter: points to go back to in them lie within what is told of cats.
        await say(talk(`dogs ${other}`, 40));
      }
      // Copied in, over what another one left; then it is edited where those others had a point to go back to before.
      const answered = [...cats, { role: 'assistant' as const, content: first.text }];
      await say([...answered, user('And then, when they are old '.repeat(10))]);
      const edited = [user(`${'Tell me of cats '.repeat(70)}${'Tell me of cows '.repeat(10)}`)];
      const { chunks } = await say(edited, 8);
      await inference.stopModel('rwkv');
      const anew = await say(edited, 8);
      const probabilities = (all: typeof chunks) => all.flatMap(({ logprobs }) => logprobs ?? []).map(({ text, logprob }) => `${text} ${logprob.toFixed(2)}`);
      assert.deepEqual(probabilities(chunks), probabilities(anew.chunks));
    });

    it('stops: at a stop string, at its end of a turn, when cancelled', async () => {
      const { text } = await ask(harness.api, { messages: [user('Hello')], maxTokens: 60, temperature: 0 });
      const stop = text.slice(30, 34);
      const stopped = await ask(harness.api, { messages: [user('Hello')], maxTokens: 60, temperature: 0, stop: [stop] });
      assert.equal(stopped.text, text.slice(0, text.indexOf(stop)));
      assert.equal(stopped.last.stopString, stop);
      const [endOfTurn] = await harness.api.inference.tokenize({ text: '\n\n' });
      const ended = await ask(harness.api, { messages: [user('Hello')], maxTokens: 60, temperature: 0, logitBias: { [endOfTurn!]: 100 } });
      assert.equal(ended.last.finishReason, 'stop');
      assert.equal(ended.text, '');
      const abort = new AbortController();
      const { last } = await ask(harness.api, { messages: [user('Hello')], maxTokens: 8000 }, abort.signal, () => abort.abort());
      assert.equal(last.finishReason, 'cancelled');
    });

    it('answers two at once, and keeps to a form', async () => {
      const alone = await ask(harness.api, { messages: [user('One')], maxTokens: 30, temperature: 0 });
      const [one, two] = await Promise.all([
        ask(harness.api, { messages: [user('One')], maxTokens: 30, temperature: 0 }),
        ask(harness.api, { messages: [user('Two')], maxTokens: 30, temperature: 0 }),
      ]);
      assert.equal(one.text, alone.text);
      assert.notEqual(two.text, one.text);
      const formed = await ask(harness.api, { messages: [user('One')], temperature: 0, responseFormat: { type: 'grammar', grammar: 'root ::= "yes" | "no"' } });
      assert.ok(['yes', 'no'].includes(formed.text), formed.text);
    });
  });
}
