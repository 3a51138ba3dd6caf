// Sends the state of the chat to whoever shows it: whole at first and after anything structural, else what changed,
// numbered, at most once per frame. With nobody looking it does nothing.
// Must not know: what the state means, VS Code.

import type { Disposable } from '../../common/lifecycle';
import type { ChatState, ChatStrings, ToWebview } from '../../protocol/chatProtocol';
import { diffState } from './stateDiff';

/** A view's hold on the publisher. */
export interface AttachedPage extends Disposable {
  /** The page is gone until it asks again with `ready`: a hidden view keeps its webview, but not the page in it. */
  hidden(): void;
}

type PageRequest = Extract<ToWebview, { type: 'focusInput' | 'showHistory' }>;

export class StatePublisher implements Disposable {
  #post: ((message: ToWebview) => void) | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #sent: ChatState | undefined;
  /** Asked of a page that is not drawn yet. */
  #waiting: PageRequest | undefined;
  #sequence = 0;

  /** @param frameMs least time between two messages */
  constructor(
    private readonly snapshot: () => ChatState,
    private readonly frameMs: number,
  ) {}

  get isAttached(): boolean {
    return this.#post !== undefined;
  }

  /** Nothing is sent before the page asks with `ready`. One page at a time: a newer one replaces the older. */
  attach(post: (message: ToWebview) => void): AttachedPage {
    this.#detach();
    this.#post = post;
    const ifAttached = (act: () => void) => (): void => {
      if (this.#post === post) {
        act();
      }
    };
    return { hidden: ifAttached(() => this.#pageGone()), dispose: ifAttached(() => this.#detach()) };
  }

  #pageGone(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#sent = undefined;
  }

  /** Past the state: a request to the page, such as to focus its box. */
  post(message: PageRequest): void {
    if (this.#post === undefined || this.#sent === undefined) {
      this.#waiting = message;
    } else {
      this.#post(message);
    }
  }

  sendState(strings?: ChatStrings): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const state = this.snapshot();
    this.#sent = state;
    this.#sequence += 1;
    this.#post?.({ type: 'state', sequence: this.#sequence, state, ...(strings === undefined ? {} : { strings }) });
    if (this.#waiting !== undefined && this.#post !== undefined) {
      this.#post(this.#waiting);
      this.#waiting = undefined;
    }
  }

  schedule(): void {
    if (this.#post !== undefined && this.#sent !== undefined) {
      this.#timer ??= setTimeout(() => this.#publish(), this.frameMs);
    }
  }

  dispose(): void {
    this.#detach();
  }

  #publish(): void {
    this.#timer = undefined;
    if (this.#sent === undefined) {
      return;
    }
    const state = this.snapshot();
    const changes = diffState(this.#sent, state);
    if (changes === undefined) {
      this.sendState();
    } else if (changes.length > 0) {
      this.#sent = state;
      this.#sequence += 1;
      this.#post?.({ type: 'delta', sequence: this.#sequence, changes });
    }
  }

  #detach(): void {
    this.#pageGone();
    this.#post = undefined;
  }
}
