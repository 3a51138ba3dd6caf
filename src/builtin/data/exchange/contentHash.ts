// What a conversation says, as one hash: the same messages in the same tree, whatever their order in the file, dates,
// names or ids. Recognises what was imported before.
// Must not know: formats, the store.

import { createHash } from 'node:crypto';
import { pieceLength, type Pacer } from './pacer';

/** Shape of `PlannedMessage`, and of a store's message with its parent as an index. */
export interface HashedMessage {
  readonly parent: number | null;
  readonly role: string;
  readonly content: string;
  readonly reasoning?: string;
}

/**
 * Hex SHA-256. A message's hash covers role, text, reasoning and the sorted hashes of its children; the
 * conversation's covers the sorted hashes of its first messages.
 * @param messages parents before children
 */
export async function contentHash(messages: readonly HashedMessage[], pacer: Pacer): Promise<string> {
  const children: (string[] | undefined)[] = new Array<string[] | undefined>(messages.length);
  const roots: string[] = [];
  for (let i = messages.length - 1; i >= 0; i--) {
    const message = messages[i]!;
    const hash = createHash('sha256');
    hash.update(`${message.role}\n${message.content.length}\n${message.reasoning?.length ?? 0}\n`);
    for (const text of [message.content, message.reasoning ?? '']) {
      for (let at = 0; at < text.length; at += pieceLength) {
        // UTF-16, so that a piece may end between the two halves of a character.
        hash.update(text.length <= pieceLength ? text : text.slice(at, at + pieceLength), 'utf16le');
        if (pacer.due) {
          await pacer.pause();
        }
      }
    }
    for (const child of children[i]?.sort() ?? []) {
      hash.update(child);
    }
    children[i] = undefined;
    const digest = hash.digest('hex');
    if (message.parent === null) {
      roots.push(digest);
    } else {
      (children[message.parent] ??= []).push(digest);
    }
    if (pacer.due) {
      await pacer.pause();
    }
  }
  const whole = createHash('sha256');
  for (const root of roots.sort()) {
    whole.update(root);
  }
  return whole.digest('hex');
}
