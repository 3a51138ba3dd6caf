// Follows what the store says has changed, here or in another window, and has read again what is shown of it.
// Must not know: the view, VS Code, how anything is drawn.

import type { JanApi } from '../../api/jan';
import { DisposableStore, type Disposable } from '../../common/lifecycle';
import type { Answers } from './answers';
import type { ConversationLibrary } from './conversationLibrary';
import type { OpenConversation } from './openConversation';

export interface StoreFollowerOptions {
  readonly api: Pick<JanApi, 'onDidChangeConversations' | 'onDidChangeMessages'>;
  /** ms; events come in bursts */
  readonly delayMs: number;
  readonly answers: Answers;
  readonly library: ConversationLibrary;
  readonly open: OpenConversation;
  /** A hidden page needs nothing: it gets everything when it is shown again. */
  readonly isShown: () => boolean;
  /** The open conversation is gone. */
  readonly onDeleted: () => void;
  readonly onError: (error: unknown) => void;
}

export class StoreFollower implements Disposable {
  readonly #owned = new DisposableStore();
  /** Told by events, not read yet. */
  readonly #changedIds = new Set<string>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly options: StoreFollowerOptions) {
    const { api, answers, open } = options;
    this.#owned.add(api.onDidChangeConversations((event) => this.#onConversations(event.kind, event.ids)));
    this.#owned.add(
      api.onDidChangeMessages((event) => {
        if (event.conversationId === open.id && !answers.isWriting(event.ids)) {
          open.isStale = true;
          this.#refreshSoon();
        }
      }),
    );
  }

  dispose(): void {
    clearTimeout(this.#timer);
    this.#owned.dispose();
  }

  #onConversations(kind: 'created' | 'updated' | 'deleted', ids: readonly string[]): void {
    const { answers, open } = this.options;
    ids.forEach((one) => this.#changedIds.add(one));
    if (open.id !== null && ids.includes(open.id)) {
      if (kind === 'deleted') {
        answers.stop(open.id);
        this.options.onDeleted();
      } else if (!answers.isAnswering(open.id)) {
        open.isStale = true;
      }
    }
    this.#refreshSoon();
  }

  #refreshSoon(): void {
    const { delayMs, isShown, library, open, onError } = this.options;
    if (isShown()) {
      this.#timer ??= setTimeout(() => {
        this.#timer = undefined;
        const reading = open.isStale ? open.read() : undefined;
        const ids = [...this.#changedIds];
        this.#changedIds.clear();
        Promise.all([ids.length > 0 ? library.list.refresh(ids) : undefined, reading]).catch(onError);
      }, delayMs);
    }
  }
}
