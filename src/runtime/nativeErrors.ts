// What native code throws, in words for a user: llama.cpp and the C++ library name functions and files, or nothing.
// Must not know: which call failed, models.

import { isJanError, JanError } from '../common/errors';

/** A JanError passes through, and so does an abort. */
export function inWords(error: unknown): unknown {
  if (isJanError(error) || (error instanceof Error && error.name === 'AbortError')) {
    return error;
  }
  const text = error instanceof Error ? error.message : String(error);
  const options = { cause: error, details: { reason: text } };
  if (/bad_alloc|out of memory|insufficient ?memory|(?:failed|unable|cannot) to allocate|cannot allocate/i.test(`${text} ${error instanceof Error ? error.constructor.name : ''}`)) {
    return new JanError('out-of-memory', 'Memory ran out while the model was at work. Close other programs, unload other models, or choose a shorter context.', options);
  }
  return new JanError('backend-failed', `The engine could not go on: ${text.replace(/[.\s]+$/, '')}. Send the message again, or restart the engine.`, options);
}
