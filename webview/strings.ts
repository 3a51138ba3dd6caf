// The texts that the host sent, for every part of the page. They come once, before anything is drawn.
// Must not know: what they say.

import type { ChatStrings } from '../src/protocol/chatProtocol';

let received: ChatStrings | undefined;

export function setStrings(value: ChatStrings): void {
  received = value;
}

export function hasStrings(): boolean {
  return received !== undefined;
}

export function strings(): ChatStrings {
  if (received === undefined) {
    throw new Error('Nothing is drawn before the host has sent its texts.');
  }
  return received;
}
