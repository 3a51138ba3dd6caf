// Makes stores of any size for the bench: the same one for the same numbers, on every machine.
// Must not know: what is measured.

import { mkdir } from 'node:fs/promises';
import initSqlJs from 'sql.js';
import { createJournal } from '../src/builtin/data/journal';
import { encodeFrame, scanFrames } from '../src/builtin/data/frame';
import { encodePayload, payloadVersion, recordKind } from '../src/builtin/data/operations';
import { writeSnapshot } from '../src/builtin/data/snapshot';
import { nodeStoreFiles } from '../src/builtin/data/storeFiles';
import { View } from '../src/builtin/data/view';
import { createUuidV7 } from '../src/common/uuid';

export interface StoreSize {
  readonly conversations: number;
  readonly messages: number;
  /** Words of a message, on average. */
  readonly words: number;
  readonly seed: number;
}

/** Distinct words; the n-th is as frequent as 1/n (Zipf). */
const vocabulary = 20_000;
const firstAt = 1_700_000_000_000;
const batch = 500;

/** mulberry32 */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The n-th word of the made-up language, n from 0. */
export function wordAt(n: number): string {
  const syllables = ['ka', 'lo', 'mi', 'ne', 'ru', 'sa', 'ti', 'vo', 'we', 'zu', 'ba', 'de', 'fi', 'go', 'hu'];
  let word = '';
  for (let rest = n + syllables.length; rest > 0; rest = Math.floor(rest / syllables.length)) {
    word += syllables[rest % syllables.length];
  }
  return word;
}

/** Ids that are the same in each run: a counter in the form of a UUIDv7. */
function idAt(n: number): string {
  const hex = n.toString(16).padStart(12, '0');
  return `018bcfe5-6800-7000-8000-${hex}`;
}

/** A view that was filled record by record. The caller closes it. */
export async function generateView(size: StoreSize): Promise<View> {
  const random = seeded(size.seed);
  const view = new View(await initSqlJs());
  const text = (): string => {
    const count = 1 + Math.floor(random() * 2 * size.words);
    return Array.from({ length: count }, () => wordAt(Math.floor(vocabulary ** random()) - 1)).join(' ');
  };
  const apply = (kind: number, payload: object): void => {
    const bytes = encodeFrame(createUuidV7(), kind, encodePayload(payload), 0, payloadVersion(kind, payload));
    const outcome = view.apply(scanFrames(bytes, true).frames[0]!);
    if (outcome.type !== 'applied') {
      throw new Error(`Not applied: ${JSON.stringify(outcome)}`);
    }
  };
  view.begin();
  for (let i = 0; i < size.conversations; i++) {
    apply(recordKind.createConversation, { id: idAt(i), name: text().slice(0, 60), at: firstAt + i });
  }
  for (let i = 0; i < size.messages; i++) {
    const conversationId = idAt(Math.floor((i / size.messages) * size.conversations));
    const role = i % 2 === 0 ? 'user' : 'assistant';
    const at = firstAt + size.conversations + i;
    apply(recordKind.createMessage, { id: idAt(2 ** 32 + i), conversationId, role, content: text(), status: 'complete', at });
    if (i % batch === 0) {
      view.commit();
      view.begin();
    }
  }
  view.commit();
  return view;
}

/** A store's folder with a snapshot of such a view. */
export async function generateStore(directory: string, size: StoreSize): Promise<void> {
  const view = await generateView(size);
  try {
    while (view.searchIndex.indexSome(1000)) {
      // As long as there is more.
    }
    await mkdir(directory, { recursive: true });
    await createJournal(nodeStoreFiles, directory, 2, '');
    await writeSnapshot(nodeStoreFiles, await initSqlJs(), directory, 2, view);
  } finally {
    view.close();
  }
}
