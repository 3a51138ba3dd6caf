// Finds answers whose writer died in mid-sentence, and ends them on disk and on screen.
// Must not know: conversations, the API.

import type { Logger } from '../../common/log';
import type { AppendQueue } from './appendQueue';
import type { Follower } from './follower';
import { recordKind, type Writer } from './operations';
import type { StreamingMessage } from './viewQueries';
import { createWriter, endWriter, isWriterAlive } from './writers';

export class Interruptions {
  #writer: Promise<Writer> | undefined;

  constructor(
    private readonly follower: Follower,
    private readonly queue: AppendQueue,
    private readonly now: () => number,
    private readonly log: Logger,
  ) {}

  /** Who this window is, for the messages that it writes. */
  identify(): Promise<Writer> {
    return (this.#writer ??= createWriter());
  }

  /**
   * Ends the messages whose writers died.
   * @param conversationId default: in all conversations
   * @returns the ids of those that this window could not end on disk, because the store cannot be written
   */
  async end(conversationId?: string): Promise<ReadonlySet<string>> {
    const left = new Set<string>();
    const ends: Promise<void>[] = [];
    for (const message of this.follower.view.queries.streamingMessages(conversationId)) {
      if (!(await this.#isBeingWritten(message))) {
        ends.push(
          this.#end(message).catch((error: unknown) => {
            this.log.debug(`store: message ${message.id} stays as it is on disk: ${String(error)}`);
            left.add(message.id);
          }),
        );
      }
    }
    await Promise.all(ends);
    return left;
  }

  /** This window writes no more: what it leaves unfinished is interrupted. */
  async close(): Promise<void> {
    if (this.#writer !== undefined) {
      endWriter(await this.#writer);
    }
  }

  async #end({ id, writer }: StreamingMessage): Promise<void> {
    await this.queue.append(recordKind.interruptMessage, { id, session: writer?.session ?? '', at: this.now() });
  }

  async #isBeingWritten({ writer, updatedAt }: StreamingMessage): Promise<boolean> {
    return writer !== undefined && isWriterAlive(writer, await this.identify(), this.now() - updatedAt);
  }
}
