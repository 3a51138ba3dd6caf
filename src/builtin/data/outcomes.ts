// What applying a record did: to the state, or why it did nothing.
// Must not know: SQLite, the journal.

import type { JanErrorCode } from '../../api/jan';

/** What a record changed, for events. */
export interface Change {
  readonly topic: 'conversation' | 'message' | 'model';
  readonly kind: 'created' | 'updated' | 'deleted';
  readonly id: string;
  /** Of a message. */
  readonly conversationId?: string;
}

/**
 * `applied`: with these changes · `refused`: the state at this place of the journal does not allow it, in any window ·
 * `invalid`: intact, but not of its kind's shape · `unknown`: of a newer version; kept, not applied · `control`: about
 * the journal itself.
 */
export type Outcome =
  | { readonly type: 'applied'; readonly changes: readonly Change[] }
  | { readonly type: 'refused'; readonly code: JanErrorCode; readonly message: string; readonly id: string }
  | { readonly type: 'invalid' }
  | { readonly type: 'unknown'; readonly ignorable: boolean }
  | { readonly type: 'control' };

/** What callers are told of things that are not there. */
export const notFound = {
  conversation: {
    code: 'conversation-not-found',
    message: 'This conversation is not there any more; it may have been deleted in another window. Pick another one.',
  },
  message: {
    code: 'message-not-found',
    message: 'This message is not there any more; its conversation may have been deleted in another window. Reload it.',
  },
  model: {
    code: 'model-not-found',
    message: 'Jan does not know this model. Pick one of the list, download it, or add its file.',
  },
} as const;

/** The same record again, or one that came too late. */
export const nothingChanged: Outcome = { type: 'applied', changes: [] };

export function conversationChange(kind: Change['kind'], id: string): Outcome {
  return { type: 'applied', changes: [{ topic: 'conversation', kind, id }] };
}

export function messageChange(id: string, conversationId: string): Outcome {
  return { type: 'applied', changes: [{ topic: 'message', kind: 'updated', id, conversationId }] };
}

export function modelChange(kind: Change['kind'], id: string): Outcome {
  return { type: 'applied', changes: [{ topic: 'model', kind, id }] };
}

export function conversationMissing(id: string): Outcome {
  return { type: 'refused', id, ...notFound.conversation };
}

export function messageMissing(id: string): Outcome {
  return { type: 'refused', id, ...notFound.message };
}

export function modelMissing(id: string): Outcome {
  return { type: 'refused', id, ...notFound.model };
}
