// What the user sees of a plan before saying yes: counts, titles, dates, what is left out.
// Must not know: formats, the store.

import type { ImportNote, ImportPlan, ImportSource } from './exchangeTypes';
import { asLine } from './values';

export interface ImportPreview {
  readonly sources: readonly ImportSource[];
  readonly conversations: number;
  readonly messages: number;
  /** Of `conversations`: not in the store; in it as they are; in it with other messages. All new until compared. */
  readonly fresh: number;
  readonly duplicates: number;
  readonly changed: number;
  /** Unix ms of the oldest and the newest change; absent when there is nothing. */
  readonly from?: number;
  readonly to?: number;
  /** The newest first, at most 100. */
  readonly titles: readonly { readonly title: string; readonly messages: number; readonly updatedAt: number; readonly standing: 'new' | 'duplicate' | 'changed' }[];
  readonly skipped: readonly ImportNote[];
  readonly adapted: readonly ImportNote[];
  readonly moreNotes: number;
}

export function previewImport(plan: ImportPlan): ImportPreview {
  let messages = 0;
  let from = Infinity;
  let to = -Infinity;
  const standings = { new: 0, duplicate: 0, changed: 0 };
  for (const conversation of plan.conversations) {
    messages += conversation.messages.length;
    from = Math.min(from, conversation.createdAt);
    to = Math.max(to, conversation.updatedAt);
    standings[conversation.standing ?? 'new']++;
  }
  const titles = [...plan.conversations]
    .sort((a, b) => b.updatedAt - a.updatedAt)
    .slice(0, 100)
    .map((conversation) => ({
      title: asLine(conversation.name, 200),
      messages: conversation.messages.length,
      updatedAt: conversation.updatedAt,
      standing: conversation.standing ?? ('new' as const),
    }));
  return {
    sources: plan.sources,
    conversations: plan.conversations.length,
    messages,
    fresh: standings.new,
    duplicates: standings.duplicate,
    changed: standings.changed,
    ...(plan.conversations.length > 0 && { from, to }),
    titles,
    skipped: plan.skipped,
    adapted: plan.adapted,
    moreNotes: plan.moreNotes,
  };
}
