// Gathers what a batch of records changed into as few events as tell it.
// Must not know: the journal, who listens.

import type { ConversationsChangeEvent, MessagesChangeEvent, ModelsChangeEvent, StoreFinding } from '../../api/jan';
import type { Change } from './outcomes';

export type StoreEvent =
  | { readonly topic: 'conversations'; readonly event: ConversationsChangeEvent }
  | { readonly topic: 'messages'; readonly event: MessagesChangeEvent }
  | { readonly topic: 'models'; readonly event: ModelsChangeEvent }
  | { readonly topic: 'damage'; readonly event: StoreFinding };

export interface OriginatedChange {
  readonly change: Change;
  readonly origin: 'local' | 'remote';
}

const kinds = ['created', 'updated', 'deleted'] as const;

/**
 * One event per kind and origin (and conversation, for messages), conversations first. What was created in the batch
 * is not told as updated too, and what was deleted in it only as deleted.
 */
export function coalesceChanges(changes: readonly OriginatedChange[]): StoreEvent[] {
  const conversations = new Group();
  const messages = new Map<string, Group>();
  const models = new Set<string>();
  for (const { change, origin } of changes) {
    if (change.topic === 'conversation') {
      conversations.add(change, origin);
    } else if (change.topic === 'model') {
      models.add(change.id);
    } else {
      const conversationId = change.conversationId!;
      const group = messages.get(conversationId) ?? new Group();
      messages.set(conversationId, group);
      group.add(change, origin);
    }
  }
  return [
    ...conversations.events().map((event): StoreEvent => ({ topic: 'conversations', event })),
    ...[...messages].flatMap(([conversationId, group]) =>
      group.events().map((event): StoreEvent => ({ topic: 'messages', event: { ...event, conversationId } })),
    ),
    ...(models.size === 0 ? [] : [{ topic: 'models', event: { ids: [...models] } } as const]),
  ];
}

/** Ids of conversations with what tells one state of them from another. */
export type States = ReadonlyMap<string, string>;

/** What differs between two views of which the second took the place of the first. */
export function compareConversations(before: States, after: States): OriginatedChange[] {
  const remote = (kind: Change['kind']) => (id: string): OriginatedChange => ({
    change: { topic: 'conversation', kind, id },
    origin: 'remote',
  });
  return [
    ...[...after.keys()].filter((id) => !before.has(id)).map(remote('created')),
    ...[...after].filter(([id, state]) => before.has(id) && before.get(id) !== state).map(([id]) => remote('updated')(id)),
    ...[...before.keys()].filter((id) => !after.has(id)).map(remote('deleted')),
  ];
}

class Group {
  readonly #kinds = new Map<string, { kind: Change['kind']; origin: 'local' | 'remote' }>();

  add({ id, kind }: Change, origin: 'local' | 'remote'): void {
    const known = this.#kinds.get(id);
    this.#kinds.set(id, { kind: kind === 'updated' && known?.kind === 'created' ? 'created' : kind, origin });
  }

  events(): ConversationsChangeEvent[] {
    return kinds.flatMap((kind) =>
      (['local', 'remote'] as const).flatMap((origin) => {
        const ids = [...this.#kinds].filter(([, is]) => is.kind === kind && is.origin === origin).map(([id]) => id);
        return ids.length === 0 ? [] : [{ kind, ids, origin }];
      }),
    );
  }
}
