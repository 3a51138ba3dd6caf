// Messages, conversations and states of the chat view, for tests. No assertions here.

import type { ChatState, ConversationItem, MessageItem } from '../../../src/protocol/chatProtocol';

export const message = (id: string, content: string, change: Partial<MessageItem> = {}): MessageItem => ({
  id,
  role: 'assistant',
  content,
  reasoning: '',
  status: 'complete',
  elsewhere: false,
  error: null,
  modelName: 'Guide',
  stats: null,
  branch: null,
  attachments: [],
  dropped: 0,
  cut: null,
  createdAt: 1,
  ...change,
});

export const conversation = (id: string, change: Partial<ConversationItem> = {}): ConversationItem => ({
  id,
  name: id,
  updatedAt: Date.now(),
  answering: false,
  pinned: false,
  archived: false,
  tags: [],
  folder: null,
  ...change,
});

export const state = (messages: readonly MessageItem[], change: Partial<ChatState> = {}): ChatState => ({
  conversations: [conversation('c', { name: 'C' })],
  history: { filter: { scope: 'all', archived: false, tag: null }, hasFolder: false, tags: [], models: [], loading: false },
  search: null,
  title: 'C',
  reveal: null,
  hasMoreConversations: false,
  conversationId: 'c',
  messages,
  earlier: 0,
  loading: false,
  answering: false,
  hasSettings: false,
  draft: { text: '', revision: 1 },
  attachments: [],
  tokens: null,
  model: { id: 'm', name: 'M', remote: false, starter: true, state: 'ready', progress: null },
  notice: null,
  undo: null,
  ...change,
});
