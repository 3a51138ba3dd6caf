// What a screen reader is told: that an answer began and how it ended, never its tokens.
// Must not know: the page.

import type { ChatState, ChatStrings } from '../src/protocol/chatProtocol';
import { countWords, fill } from './format';

/** `undefined`: nothing worth interrupting for. */
export function announcementFor(
  before: ChatState | undefined,
  after: ChatState,
  strings: ChatStrings,
  language: string,
): string | undefined {
  if (before === undefined || before.conversationId !== after.conversationId) {
    return after.answering && before !== undefined ? strings.announceGenerating : undefined;
  }
  if (!before.answering && after.answering) {
    return strings.announceGenerating;
  }
  const attached = after.attachments.slice(before.attachments.length).map(({ name }) => name);
  if (attached.length > 0) {
    return fill(strings.announceAttached, attached.join(', '));
  }
  const last = after.messages.at(-1);
  const old = before.messages.find((message) => message.id === last?.id);
  if (last?.role !== 'assistant' || old?.status !== 'streaming' || last.status === 'streaming') {
    return undefined;
  }
  if (last.error !== null) {
    return fill(strings.announceFailed, last.error.message);
  }
  const template = last.status === 'complete' ? strings.announceComplete : strings.announceStopped;
  return fill(template, countWords(last.content, language === '' ? undefined : language));
}
