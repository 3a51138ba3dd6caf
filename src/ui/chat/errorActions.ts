// Which next steps an error offers in the chat, likeliest first.
// Must not know: what a step does, VS Code.

import type { JanErrorCode } from '../../api/jan';
import type { ChatAction } from '../../protocol/chatProtocol';

const noModel: readonly ChatAction[] = ['downloadModel', 'addModelFile', 'retry'];
const badModel: readonly ChatAction[] = ['pickModel', 'downloadModel', 'retry', 'showLog'];
const engine: readonly ChatAction[] = ['retry', 'showLog'];
const answer: readonly ChatAction[] = ['retry', 'pickModel', 'showLog'];
const store: readonly ChatAction[] = ['retry', 'showLog'];

const actionsByCode: Readonly<Partial<Record<JanErrorCode, readonly ChatAction[]>>> = {
  'no-model': noModel,
  'model-not-found': ['pickModel', ...noModel],
  'model-file-missing': badModel,
  'model-invalid': badModel,
  'model-crashed': ['pickModel', 'tryAnyway', 'showLog'],
  'model-load-failed': ['pickModel', 'retry', 'showLog'],
  'out-of-memory': ['pickModel', 'retry', 'showLog'],
  'model-busy': ['retry', 'pickModel'],
  'context-overflow': ['newConversation', 'pickModel', 'retry'],
  'engine-crashed': engine,
  'engine-unavailable': ['restartEngine', 'retry', 'showLog'],
  'backend-not-found': ['pickModel', 'retry', 'showLog'],
  'backend-failed': answer,
  'provider-failed': answer,
  network: answer,
  timeout: answer,
  denied: ['retry', 'showLog'],
  unsupported: ['pickModel', 'retry'],
  'invalid-argument': ['newConversation', 'showLog'],
  'store-unavailable': store,
  'store-read-only': ['showLog'],
  'store-damaged': ['showLog'],
  'disk-full': store,
};

/** For an answer that failed. */
export function actionsForAnswer(code: JanErrorCode): readonly ChatAction[] {
  return actionsByCode[code] ?? engine;
}

/** For something outside of any message: there is no answer to try again. */
export function actionsForNotice(code: JanErrorCode): readonly ChatAction[] {
  // What was handed in was refused, as a file to attach: the message says what to hand in instead.
  if (code === 'invalid-argument') {
    return [];
  }
  return actionsForAnswer(code).filter((action) => action !== 'retry' && action !== 'tryAnyway');
}
