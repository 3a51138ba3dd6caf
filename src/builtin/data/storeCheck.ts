// Reads everything that is on disk once more and says what it found.
// Must not know: who asks, how it is shown.

import * as path from 'node:path';
import type { StoreFinding, StoreReport } from '../../api/jan';
import type { AttachmentFiles } from './attachmentFiles';
import { describeDamage } from './damageWords';
import { Follower, type Damage, type StoreEnvironment } from './follower';
import { parseStoreName } from './journal';
import { readSnapshot, SnapshotUnusable } from './snapshot';
import { toStoreError } from './storeErrors';

/** Other windows may write between two looks. */
const attempts = 4;

/** What this window shows. */
export interface CheckedWindow {
  /** Brought up to date. */
  contentHash(): Promise<string>;
  /** Sets aside the snapshot that it was loaded from. */
  quarantine(): Promise<boolean>;
}

export async function checkStore(
  environment: StoreEnvironment,
  attachments: AttachmentFiles,
  window: CheckedWindow,
): Promise<StoreReport> {
  const findings: StoreFinding[] = [];
  const add = (finding: StoreFinding): void => {
    const same = (known: StoreFinding): boolean =>
      known.kind === finding.kind && known.file === finding.file && known.start === finding.start && finding.start !== undefined;
    if (!findings.some(same)) {
      findings.push(finding);
    }
  };
  const ignore = (): void => undefined;
  const listener = { onApplied: ignore, onReload: ignore, onDamage: (damage: Damage) => add(describeDamage(damage)) };
  const reader = new Follower(environment, listener, 'read');
  try {
    await reader.refresh();
    const problems = reader.view.integrityProblems();
    problems.forEach((problem) => add({ kind: 'database', message: `SQLite found: ${problem}` }));
    if (problems.length > 0 && (await reader.quarantine())) {
      await window.quarantine();
    }
    if (reader.isNewer) {
      add({ kind: 'newer', message: 'A newer version of Jan wrote records that this version keeps but does not know.' });
    }
    if (!(await showsTheSame(reader, () => window.contentHash()))) {
      add({ kind: 'difference', message: 'This window shows something else than the files hold. Reload the window.' });
    }
    const bytes = await checkFiles(environment, add);
    const used = reader.view.queries.attachments();
    for (const { id, name } of used.values()) {
      const state = await attachments.check(id);
      if (state !== 'sound') {
        add({ kind: 'attachment', message: `The attachment "${name}" is ${state === 'missing' ? 'not there' : 'damaged'}.`, file: id });
      }
    }
    const { conversations, messages } = reader.view.queries.counts();
    const counts = { conversations, messages, attachments: used.size, bytes };
    return { ok: findings.length === 0, summary: summarise(counts, findings), ...counts, findings };
  } catch (error) {
    throw toStoreError(error, 'read', environment.directory);
  } finally {
    await reader.close();
  }
}

async function showsTheSame(reader: Follower, ownHash: () => Promise<string>): Promise<boolean> {
  for (let attempt = 1; attempt <= attempts; attempt++) {
    await reader.refresh();
    if (reader.view.queries.contentHash() === (await ownHash())) {
      return true;
    }
  }
  return false;
}

/** Every snapshot, also those that nothing is read from at present. Resolves with the bytes of all files. */
async function checkFiles(
  { directory, files, sqlite }: StoreEnvironment,
  add: (finding: StoreFinding) => void,
): Promise<number> {
  let bytes = 0;
  for (const name of await files.list(directory).catch(() => [])) {
    const entry = parseStoreName(name);
    if (entry === undefined) {
      continue;
    }
    try {
      const file = await files.open(path.join(directory, name), 'read');
      bytes += await file
        .stat()
        .then(({ size }) => size)
        .finally(() => file.close());
      if (entry.kind === 'snapshot') {
        (await readSnapshot(files, sqlite, directory, entry.generation)).view.close();
      }
    } catch (error) {
      if (error instanceof SnapshotUnusable) {
        add(
          error.problem === 'newer'
            ? { kind: 'newer', message: `${name} was written by a newer version of Jan.`, file: name, start: 0 }
            : describeDamage({ kind: 'snapshot', file: name, start: 0, end: 0 }),
        );
      }
      // Else: removed meanwhile, by a window that wrote a newer one.
    }
  }
  return bytes;
}

function summarise(
  counts: Pick<StoreReport, 'conversations' | 'messages' | 'attachments' | 'bytes'>,
  findings: readonly StoreFinding[],
): string {
  const { conversations, messages, attachments, bytes } = counts;
  const size = bytes < 1024 * 1024 ? `${Math.ceil(bytes / 1024)} KB` : `${(bytes / 1024 / 1024).toFixed(1)} MB`;
  const what = `Checked ${counted(conversations, 'conversation')} with ${counted(messages, 'message')} and ${counted(attachments, 'attachment')} (${size}).`;
  if (findings.length === 0) {
    return `${what} Everything is in order.`;
  }
  const shown = findings.slice(0, 5).map(({ message }) => message);
  const more = findings.length > shown.length ? ` And ${findings.length - shown.length} more.` : '';
  return `${what} Found ${counted(findings.length, 'problem')}: ${shown.join(' ')}${more}`;
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
