// What the user sees of a plan before saying yes: counts, titles, dates, what is left out.
// Must not know: formats, the store.

import type { ImportPreview } from '../../../api/jan';
import type { ImportPlan } from './exchangeTypes';
import { asLine } from './values';

export function previewOf(plan: ImportPlan): Omit<ImportPreview, 'id'> {
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
