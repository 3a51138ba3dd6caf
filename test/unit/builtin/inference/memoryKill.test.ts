import assert from 'node:assert/strict';
import { isJanError } from '../../../../src/common/errors';
import { testModelPath } from '../../../fixtures/gguf/testModels';
import { makeControlGroup, type ControlGroup } from '../../../fixtures/runtime/controlGroup';
import { ask, createHarness, modelAt, processEnd, type Harness } from './inferenceHarness';

/** What the engine may take beyond what it has; the model wants several times as much. */
const roomBytes = 16 * 1024 * 1024;

const hello = { messages: [{ role: 'user' as const, content: 'Hello' }], temperature: 0 };

describe('the kernel kills the engine for want of memory in its control group', function () {
  this.timeout(60_000);
  let group: ControlGroup;
  let harness: Harness;

  beforeEach(async function () {
    const made = await makeControlGroup(roomBytes);
    if (made === undefined) {
      console.log('      skipped: no control group with a limit of memory can be made here');
      this.skip();
    }
    group = made;
    harness = await createHarness([modelAt('null', await testModelPath('null')), modelAt('mid', await testModelPath('mid'))]);
  });

  afterEach(async () => {
    await harness?.dispose();
    await group?.remove();
  });

  async function confine(): Promise<void> {
    await group.add((await harness.api.inference.getEngineState()).pid!);
  }

  /** The model has been found to fit, and is being read, when the group is closed around the engine. */
  async function loadAndConfine(): Promise<void> {
    let confined: Promise<void> | undefined;
    await assert.rejects(harness.api.inference.initModel('mid', { onProgress: () => void (confined ??= confine()) }), assertOutOfMemory);
    await confined;
  }

  function assertOutOfMemory(error: unknown): true {
    assert.ok(isJanError(error, 'engine-crashed'), String(error));
    assert.match(error.message, /killed by the system because memory ran out/);
    assert.equal(error.details?.['outOfMemory'], true);
    return true;
  }

  it('while a model is loaded: that is what is said, and the next request works', async () => {
    const { inference } = harness.api;
    await inference.initModel('null');
    const { pid } = await inference.getEngineState();
    await loadAndConfine();
    await processEnd(pid, 1000);
    assert.equal((await inference.initModel('mid')).status, 'ready', 'one kill is held against no model');
    assert.equal((await ask(harness.api, { ...hello, modelId: 'mid', maxTokens: 3 })).last.usage!.completionTokens, 3);
  });

  it('in mid-answer, for another model: the answer keeps what had come and ends with the cause', async () => {
    await harness.api.inference.initModel('null');
    let text = '';
    let loading: Promise<void> | undefined;
    const answer = ask(harness.api, { ...hello, modelId: 'null', maxTokens: 8000 }, undefined, (chunk) => {
      text += chunk.text ?? '';
      loading ??= loadAndConfine();
    });
    await assert.rejects(answer, assertOutOfMemory);
    await loading;
    assert.notEqual(text, '');
  });

  it('never, when the limit is there before: the model is refused in words, and the one in memory goes on', async () => {
    const { inference } = harness.api;
    await inference.initModel('null');
    await confine();
    await assert.rejects(inference.initModel('mid'), { code: 'out-of-memory' });
    assert.equal((await ask(harness.api, { ...hello, modelId: 'null', maxTokens: 3 })).last.usage!.completionTokens, 3);
  });
});
