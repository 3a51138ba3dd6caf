// One VS Code window as its user sees it: commands, views, notifications, the status bar, the Jan webview.
// It must not know what the webview holds; that is for the tests.

import fs from 'node:fs';
import path from 'node:path';
import type { Frame, Locator, Page } from 'playwright-core';
import { waitUntil } from './waitUntil';
import type { Workbench } from './workbench';

const workbenchTimeoutMs = 60_000;

export interface ConsoleLine {
  /** As in the browser: `log`, `error`, `warning`, … */
  readonly type: string;
  readonly text: string;
}

export class WorkbenchWindow {
  /** Everything that the window's console printed so far; the extension host's lines hold `[Extension Host]`. */
  readonly consoleLog: ConsoleLine[] = [];
  #extensionHostPid: number | undefined;
  /** Of the connections of the page as it is loaded now; the server's log names them by their first eight characters. */
  readonly #connections = new Set<string>();

  constructor(
    readonly workbench: Workbench,
    readonly page: Page,
    readonly url: string,
  ) {
    page.on('console', (message) => this.consoleLog.push({ type: message.type(), text: message.text() }));
    page.on('pageerror', (error) => this.consoleLog.push({ type: 'pageerror', text: error.stack ?? error.message }));
    page.on('framenavigated', (frame) => {
      if (frame === page.mainFrame()) {
        this.#connections.clear();
      }
    });
    page.on('websocket', (socket) => {
      const token = new URL(socket.url()).searchParams.get('reconnectionToken');
      if (token !== null) {
        this.#connections.add(token.slice(0, 8));
      }
    });
    // "Leave site? Changes may not be saved": reload() and close() mean it.
    page.on('dialog', (dialog) => void dialog.accept().catch(() => {}));
  }

  /** Process id of this window's extension host as of the last load. Undefined on Windows. */
  get extensionHostPid(): number | undefined {
    return this.#extensionHostPid;
  }

  /** Goes to the window's address. `openWindow()` does it; tests want `reload()`. */
  async load(): Promise<void> {
    await this.#awaitNewExtensionHost(async () => {
      await this.page.goto(this.url, { waitUntil: 'domcontentloaded' });
    });
  }

  /** Reloads the window, which ends its extension host and starts another. */
  async reload(): Promise<void> {
    await this.#awaitNewExtensionHost(async () => {
      await this.page.reload({ waitUntil: 'domcontentloaded' });
    });
  }

  async close(): Promise<void> {
    await this.page.close({ runBeforeUnload: false });
  }

  /** SIGKILLs this window's extension host. VS Code starts another by itself, which this window then has after a `reload()` only. */
  async killExtensionHost(): Promise<void> {
    const pid = this.#extensionHostPid;
    if (pid === undefined) {
      throw new Error('The extension host of this window is not known: it was killed already, or this is Windows.');
    }
    this.#extensionHostPid = undefined;
    await this.workbench.kill(pid);
  }

  /** Opens the command palette and runs the command with exactly this title, e.g. `Jan: New Chat`. */
  async runCommand(title: string): Promise<void> {
    const row = this.#quickInputRow(title);
    // An extension's commands appear some time after the window; an open palette does not notice.
    await waitUntil(
      `the command palette offers "${title}"`,
      async () => {
        // Not when nothing is open: Escape means something where the focus is, in the chat it stops the answer.
        if ((await this.quickInput().count()) > 0) {
          await this.page.keyboard.press('Escape');
        }
        await this.page.keyboard.press('F1');
        await this.quickInput().locator('input').first().fill(`>${title}`, { timeout: 2_000 });
        await row.click({ timeout: 1_000 });
        return true;
      },
      30_000,
    );
  }

  /** Chooses a colour theme by its name. */
  async setTheme(name: string): Promise<void> {
    await this.runCommand('Preferences: Color Theme');
    await this.quickInput().locator('input').first().fill(name);
    await this.#quickInputRow(name).click();
    await this.quickInput().waitFor({ state: 'hidden' });
  }

  /** The box that commands, pickers and input boxes appear in. Use `.locator('input')` and `.monaco-list-row`. */
  quickInput(): Locator {
    return this.page.locator('.quick-input-widget:visible');
  }

  /** Clicks the entry of a quick pick whose label is exactly this. */
  async pick(label: string): Promise<void> {
    await this.#quickInputRow(label).click();
  }

  /** Types into the open input box or picker and presses Enter. */
  async answer(text: string): Promise<void> {
    const input = this.quickInput().locator('input').first();
    await input.waitFor();
    await input.fill(text);
    await input.press('Enter');
  }

  /** Notifications on screen that hold the text. */
  notification(text: string | RegExp): Locator {
    return this.page.locator('.notification-toast').filter({ hasText: text });
  }

  /** Presses a button of a modal dialog (`showWarningMessage` with `modal`). */
  async pressDialogButton(label: string): Promise<void> {
    await this.page.locator('.monaco-dialog-box').getByRole('button', { name: label, exact: true }).click();
  }

  /** Entries of the status bar that hold the text. */
  statusBarItem(text: string | RegExp): Locator {
    return this.page.locator('.statusbar-item').filter({ hasText: text });
  }

  /** Rows of the trees in the side bar (model tree) that hold the text. */
  treeItem(text: string | RegExp): Locator {
    return this.page.locator('.sidebar .monaco-list-row[role=treeitem]').filter({ hasText: text });
  }

  /** Shows a view container by its title in the activity bar, unless it is shown already. */
  async openViewContainer(title: string): Promise<void> {
    const tab = this.page
      .locator('.activitybar .action-item')
      .filter({ has: this.page.locator(`a.action-label[aria-label^="${title}"]`) })
      .first();
    await tab.waitFor({ timeout: workbenchTimeoutMs });
    const isShown = async (): Promise<boolean> => (await tab.getAttribute('aria-selected')) === 'true';
    await waitUntil(`the view "${title}" is shown`, async () => {
      if (await isShown()) {
        return true;
      }
      // Not a click on the tab: a reloaded window shows its last view by itself, and a click would then hide it.
      await this.runCommand(`View: Show ${title}`);
      return isShown();
    });
  }

  /** Shows Jan in the side bar and answers with the frame that holds its webview's document. */
  async openJanView(title = 'Jan'): Promise<Frame> {
    await this.openViewContainer(title);
    return this.janFrame();
  }

  /**
   * The innermost frame of the extension's webview, the one whose document is ours. A frame dies with its webview
   * (reload, hidden view): ask again afterwards.
   *
   * @param holding a CSS selector that tells one webview from another when the extension shows several
   */
  async janFrame(holding = 'body'): Promise<Frame> {
    const id = encodeURIComponent(this.workbench.extensionId);
    return waitUntil(
      `a webview of ${this.workbench.extensionId} is drawn`,
      async () => {
        for (const frame of this.page.frames()) {
          const outer = frame.parentFrame();
          // VS Code's webview is a frame in a frame: the outer one names the extension, the inner one is fake.html.
          if (!frame.url().includes('fake.html') || !outer?.url().includes(`extensionId=${id}`)) {
            continue;
          }
          if (!frame.isDetached() && (await frame.locator(holding).count()) > 0) {
            return frame;
          }
        }
        return undefined;
      },
      30_000,
    );
  }

  /** Writes a PNG of the whole window; missing folders are made. */
  async screenshot(file: string): Promise<void> {
    fs.mkdirSync(path.dirname(file), { recursive: true });
    await this.page.screenshot({ path: file });
  }

  #quickInputRow(label: string): Locator {
    return this.quickInput()
      .locator('.monaco-list-row')
      .filter({ has: this.page.getByText(label, { exact: true }) })
      .first();
  }

  async #awaitNewExtensionHost(navigate: () => Promise<void>): Promise<void> {
    await navigate();
    await this.page.locator('.monaco-workbench .statusbar').waitFor({ timeout: workbenchTimeoutMs });
    if (process.platform !== 'win32') {
      // Not just any new one: VS Code restarts a host that was killed, also for a page that is about to be reloaded.
      this.#extensionHostPid = await waitUntil(
        'the window’s extension host runs',
        () => this.workbench.extensionHostOf(this.#connections),
        workbenchTimeoutMs,
      );
    }
  }
}
