import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { GuardedFetch } from '../../../src/runtime/downloaderFetch';
import { startHuggingFaceServer, type HuggingFaceServer } from '../../fixtures/huggingFace/huggingFaceServer';

const size = 4 * 1024 * 1024;

describe('the fetch that the download library is given', () => {
  let hub: HuggingFaceServer;
  before(async () => {
    hub = await startHuggingFaceServer([{ id: 'acme/model', files: { 'model.gguf': new Uint8Array(size) } }]);
  });
  after(() => hub.close());

  async function begin(signal?: AbortSignal): Promise<{ guard: GuardedFetch; reader: ReadableStreamDefaultReader<Uint8Array> }> {
    const guard = new GuardedFetch({ hub: new URL(hub.url), stallMs: 5_000, onFatal: (error) => assert.fail(error) });
    const url = guard.expect({ url: `${hub.url}acme/model/resolve/main/model.gguf`, size, rangeable: true });
    const response = await guard.fetch(url, { headers: { range: `bytes=0-${size - 1}` }, signal });
    const reader = response.body!.getReader();
    await reader.read();
    // More has come than was read: a piece waits.
    await sleep(50);
    return { guard, reader };
  }

  it('gives no byte after an abort, not even one that waits to be read', async () => {
    const abort = new AbortController();
    const { guard, reader } = await begin(abort.signal);
    abort.abort();
    await assert.rejects(reader.read(), { name: 'AbortError' });
    assert.equal(guard.lastProblem, undefined);
  });

  it('gives no byte after the attempt was closed', async () => {
    const { guard, reader } = await begin();
    guard.close();
    await assert.rejects(reader.read(), { name: 'AbortError' });
    assert.equal(guard.lastProblem, undefined);
  });
});
