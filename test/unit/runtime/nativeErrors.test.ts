import assert from 'node:assert/strict';
import { isJanError, JanError } from '../../../src/common/errors';
import { inWords } from '../../../src/runtime/nativeErrors';

describe('What native code throws', () => {
  it('is said to be a lack of memory where it is one', () => {
    class InsufficientMemoryError extends Error {}
    for (const error of [new Error('std::bad_alloc'), new Error('failed to allocate buffer for kv cache'), new InsufficientMemoryError('A context size of 9 is too large')]) {
      const said = inWords(error);
      assert.ok(isJanError(said, 'out-of-memory') && !said.message.includes('std::'), String(said));
    }
  });

  it('is named with the next step when it is anything else', () => {
    const said = inWords(new Error('Eval has failed. '));
    assert.ok(isJanError(said, 'backend-failed'));
    assert.equal(said.message, 'The engine could not go on: Eval has failed. Send the message again, or restart the engine.');
    assert.ok(isJanError(inWords('text'), 'backend-failed'));
  });

  it('lets pass what has words already, and what was stopped', () => {
    const known = new JanError('model-busy', 'Busy.');
    const abort = new DOMException('Stopped', 'AbortError');
    assert.equal(inWords(known), known);
    assert.equal(inWords(abort), abort);
  });
});
