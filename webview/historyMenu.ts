// What can be done with one conversation, as the entries of a menu.
// Must not know: the list, where the menu opens.

import type { ConversationItem } from '../src/protocol/chatProtocol';
import type { Editable } from './historyRows';
import { postToHost } from './host';
import type { MenuEntry } from './popupMenu';
import { strings } from './strings';

export function conversationMenu(
  { id, pinned, archived }: ConversationItem,
  act: { readonly onEdit: (what: Editable) => void; readonly onArchive: () => void; readonly onDelete: () => void },
): MenuEntry[] {
  return [
    { label: strings().rename, icon: 'edit', run: () => act.onEdit('name') },
    {
      label: pinned ? strings().unpin : strings().pin,
      icon: pinned ? 'pinned' : 'pin',
      run: () => postToHost({ type: 'pinConversation', id, pinned: !pinned }),
    },
    { label: strings().tags, icon: 'tag', run: () => act.onEdit('tags') },
    { label: archived ? strings().unarchive : strings().archive, icon: 'archive', run: act.onArchive },
    { label: strings().export, icon: 'export', run: () => postToHost({ type: 'exportConversations', ids: [id] }) },
    { label: strings().delete, icon: 'trash', isApart: true, run: act.onDelete },
  ];
}
