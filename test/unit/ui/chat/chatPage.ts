// A controller with a page that keeps the state as the real one does. Must not know what is tested.

import type { ChatState, ToHost, ToWebview } from '../../../../src/protocol/chatProtocol';
import { nullLogger } from '../../../../src/common/log';
import type { Disposable } from '../../../../src/common/lifecycle';
import { ChatController } from '../../../../src/ui/chat/chatController';
import type { FoundFile } from '../../../../src/ui/chat/composer/attachable';
import { createChatStrings } from '../../../../src/ui/chat/chatStrings';
import { untranslated } from '../../../../src/ui/localise';
import { ChatStateCopy } from '../../../../webview/chatState';
import type { FakeJan } from './fakeJan';

export const strings = createChatStrings(untranslated);

/** One window: its controller and, while it is shown, its page. */
export class ChatPage {
  readonly controller: ChatController;
  readonly memory: Map<string, unknown>;
  /** What was asked of VS Code, in order. */
  readonly asked: unknown[][] = [];
  readonly received: ToWebview[] = [];
  pickedModel: string | undefined;
  hasEditor = true;
  /** Loses the next delta on its way to the page. */
  losesNextDelta = false;
  #copy = new ChatStateCopy();
  #attachment: Disposable | undefined;
  #waiters = new Set<() => void>();

  /** What the user chooses when asked for files to attach. */
  chosenFiles: readonly FoundFile[] = [];

  /** @param folder URI of the folder that is open in this window */
  constructor(
    jan: Pick<FakeJan, 'api'>,
    memory = new Map<string, unknown>(),
    readonly folder?: string,
    private readonly undoMs = 20,
  ) {
    this.memory = memory;
    this.controller = new ChatController({
      api: jan.api,
      log: nullLogger,
      strings,
      memory: {
        get: (key) => memory.get(key),
        update: async (key, value) => void memory.set(key, structuredClone(value)),
      },
      settings: () => ({ systemPrompt: '' }),
      times: { frame: 1, flush: 2, undo: this.undoMs, refresh: 1, drafts: 1, count: 1 },
      surroundings: {
        folder: () => this.folder,
        exportConversations: async (ids) => void this.asked.push(['export', ids]),
        pickModel: async (current) => {
          this.asked.push(['pickModel', current]);
          return this.pickedModel;
        },
        chooseFiles: async () => this.chosenFiles,
        readUris: async (uris) => {
          this.asked.push(['readUris', uris]);
          return uris.map((uri) => ({ name: uri.split('/').at(-1)!, bytes: new TextEncoder().encode(uri) }));
        },
        openAttachment: async (attachment) => void this.asked.push(['openAttachment', attachment.name]),
        executeCommand: async (id) => void this.asked.push(['command', id]),
        copyText: async (text) => void this.asked.push(['copy', text]),
        insertAtCursor: async (text) => {
          this.asked.push(['insert', text]);
          return this.hasEditor;
        },
        openExternal: async (url) => void this.asked.push(['open', url]),
        setAnswering: (value) => this.asked.push(['answering', value]),
      },
    });
  }

  /** The page is drawn: for the first time, or again after it was hidden. */
  async show(): Promise<this> {
    this.#copy = new ChatStateCopy();
    this.#attachment = this.controller.attach((message) => this.#receive(structuredClone(message)));
    this.say({ type: 'ready' });
    await this.until((state) => !state.loading && state.model.state !== 'unknown');
    return this;
  }

  hide(): void {
    this.#attachment?.dispose();
  }

  say(message: ToHost): void {
    void this.controller.handle(message);
  }

  send(text: string): void {
    this.say({ type: 'send', conversationId: this.state.conversationId, text });
  }

  get state(): ChatState {
    if (this.#copy.state === undefined) {
      throw new Error('The page has no state yet.');
    }
    return this.#copy.state;
  }

  /** Resolves when the page's state is so; the test's own time limit ends a wait in vain. */
  async until(condition: (state: ChatState) => boolean): Promise<ChatState> {
    while (this.#copy.state === undefined || !condition(this.#copy.state)) {
      await new Promise<void>((resolve) => this.#waiters.add(resolve));
    }
    return this.#copy.state;
  }

  #receive(message: ToWebview): void {
    this.received.push(message);
    if (message.type === 'state') {
      this.#copy.setState(message);
    } else if (message.type === 'delta') {
      if (this.losesNextDelta) {
        this.losesNextDelta = false;
        return;
      }
      if (this.#copy.applyDelta(message) === 'gap') {
        this.say({ type: 'resync' });
      }
    }
    for (const wake of [...this.#waiters]) {
      this.#waiters.delete(wake);
      wake();
    }
  }
}

/** Polls a condition that no event tells of. */
export async function eventually(condition: () => boolean): Promise<void> {
  while (!condition()) {
    await new Promise((resolve) => setImmediate(resolve));
  }
}
