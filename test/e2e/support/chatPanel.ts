// The chat panel as its user sees it, in a window: ask, read, stop, rename, delete.
// It must not know what is asked or which answer is right; that is for the tests.
/// <reference lib="dom" />

import type { Frame, Locator } from 'playwright-core';
import { waitUntil } from './waitUntil';
import type { WorkbenchWindow } from './workbenchWindow';

/** A model at work on a shared machine may need a while for its first answer: loading included. */
const answerTimeoutMs = 60_000;

export class ChatPanel {
  private constructor(
    readonly window: WorkbenchWindow,
    readonly frame: Frame,
  ) {}

  /** Shows Jan and waits until the panel can be typed into. */
  static async open(window: WorkbenchWindow): Promise<ChatPanel> {
    await window.openJanView();
    return ChatPanel.shown(window);
  }

  /** The panel that something else shows; nothing is pressed or clicked. */
  static async shown(window: WorkbenchWindow): Promise<ChatPanel> {
    return new ChatPanel(window, await window.janFrame('textarea'));
  }

  get input(): Locator {
    return this.frame.locator('jan-composer textarea');
  }

  get messages(): Locator {
    return this.frame.locator('article.message');
  }

  get answers(): Locator {
    return this.frame.locator('article.message.assistant');
  }

  button(name: string | RegExp): Locator {
    return this.frame.getByRole('button', { name });
  }

  /** Leaves the conversation that is shown; what it held is gone from the screen when this resolves. */
  async newConversation(): Promise<void> {
    await this.button('New conversation').first().click();
    await waitUntil('the new conversation is empty', async () => (await this.messages.count()) === 0);
  }

  async send(text: string): Promise<void> {
    await this.input.fill(text);
    await this.input.press('Enter');
  }

  /** Sends, and answers with the text of the finished answer. */
  async ask(text: string): Promise<string> {
    const before = await this.answers.count();
    await this.send(text);
    return this.finished(before);
  }

  /** The text of answer number `index` once nothing more is added to it. */
  async finished(index: number): Promise<string> {
    const answer = this.answers.nth(index);
    await waitUntil(
      `answer ${index + 1} is finished`,
      async () =>
        (await answer.getAttribute('aria-busy')) === 'false' &&
        (await answer.locator('.note.progress, jan-markdown[aria-busy=true]').count()) === 0,
      answerTimeoutMs,
    );
    return this.textOf(index);
  }

  async textOf(index: number): Promise<string> {
    const body = this.answers.nth(index).locator('> jan-markdown');
    return (await body.count()) === 0 ? '' : body.innerText();
  }

  /** Waits until an answer has begun to show, with at least `length` characters. */
  async begun(index: number, length = 1): Promise<string> {
    return waitUntil(
      `answer ${index + 1} has ${length} characters`,
      async () => {
        const text = (await this.answers.count()) > index ? await this.textOf(index) : '';
        return text.length >= length ? text : undefined;
      },
      answerTimeoutMs,
    );
  }

  /** Opens a conversation by its name in the list; it is on screen when this resolves. */
  async openConversation(name: string): Promise<void> {
    await (await this.openHistory()).locator('.row-name').filter({ hasText: name }).click();
    await this.frame.locator('.header .title').filter({ hasText: name }).waitFor();
    await waitUntil(`"${name}" is shown`, async () => (await this.messages.count()) > 0);
  }

  /** Starts to record the lengths that the newest answer's text takes; call the result to get them. */
  async recordGrowth(): Promise<() => Promise<number[]>> {
    await this.frame.evaluate(() => {
      const lengths: number[] = [];
      (globalThis as { recordedLengths?: number[] }).recordedLengths = lengths;
      const observed = { childList: true, subtree: true, characterData: true };
      new MutationObserver(() => {
        const text = [...document.querySelectorAll('article.assistant > jan-markdown')].at(-1)?.textContent ?? '';
        if (text.length !== lengths.at(-1)) {
          lengths.push(text.length);
        }
      }).observe(document.body, observed);
    });
    return () => this.frame.evaluate(() => (globalThis as { recordedLengths?: number[] }).recordedLengths ?? []);
  }

  async openHistory(): Promise<Locator> {
    const list = this.frame.getByRole('dialog', { name: 'Conversations' });
    if ((await list.count()) === 0) {
      await this.button(/^Conversations/).click();
    }
    await list.waitFor();
    return list;
  }

  async closeHistory(): Promise<void> {
    await this.button(/^Close the list/).click();
    await this.frame.getByRole('dialog', { name: 'Conversations' }).waitFor({ state: 'detached' });
  }
}
