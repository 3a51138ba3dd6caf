// The built page in a real browser under its real security policy, with a host that only records.
// Needs Chromium; says so and skips where there is none. Must not know what is tested.

import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { chromium, type Browser, type Page } from 'playwright-core';
import type { ChatState, ToHost, ToWebview } from '../../../src/protocol/chatProtocol';
import { createChatHtml } from '../../../src/ui/chat/chatHtml';
import { createChatStrings } from '../../../src/ui/chat/chatStrings';
import { untranslated } from '../../../src/ui/localise';

declare global {
  interface Window {
    posted: ToHost[];
    isHacked?: boolean;
  }
}

/** Tests are started in the repository's root. */
const root = process.cwd();
export const pageOrigin = 'http://chat.test';
const scripts = pathToFileURL(path.join(root, 'scripts/dev/browser.mjs')).href;
const { findBrowser } = (await import(scripts)) as { findBrowser: () => string | undefined };
const browserPath = findBrowser();

/** A fresh page for each test of the suite that calls this. */
export interface TestPage {
  readonly page: Page;
  /** Addresses that the page asked for. */
  readonly requested: readonly string[];
  /** Errors, and what its policy refused. */
  readonly complaints: readonly string[];
  say(one: ToWebview): Promise<void>;
  /** The whole state, as number 1. */
  show(shown: ChatState): Promise<void>;
  /** As when the view was hidden and is shown again: drawn anew. */
  reload(): Promise<void>;
  /** What the page has posted since it was asked last. */
  posted(): Promise<ToHost[]>;
  /** Some message is drawn, and none is waiting to be. */
  drawn(): Promise<unknown>;
}

export function usePage(): TestPage {
  let browser: Browser;
  let page: Page;
  let bundle: string;
  let styles: string;
  const requested: string[] = [];
  const complaints: string[] = [];

  before(async function () {
    this.timeout(30_000);
    if (browserPath === undefined) {
      console.log('      skipped: no Chromium on this machine (apt-get install chromium, or JAN_BROWSER=/path)');
      this.skip();
    }
    const result = await build({
      entryPoints: [path.join(root, 'webview/main.ts')],
      bundle: true,
      write: false,
      format: 'iife',
      platform: 'browser',
      target: 'es2022',
      tsconfig: path.join(root, 'webview/tsconfig.json'),
      define: { 'process.env.NODE_ENV': '"production"' },
    });
    bundle = result.outputFiles[0]!.text;
    styles = fs.readFileSync(path.join(root, 'webview/main.css'), 'utf8');
    browser = await chromium.launch({ executablePath: browserPath, args: ['--no-sandbox', '--disable-gpu'] });
  });

  after(async () => browser?.close());

  beforeEach(async () => {
    requested.length = 0;
    complaints.length = 0;
    page = await browser.newPage({ viewport: { width: 340, height: 700 } });
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('console', (entry) => {
      if (entry.type() === 'error') {
        complaints.push(entry.text());
      }
    });
    const html = createChatHtml({
      cspSource: pageOrigin,
      nonce: 'test-nonce',
      language: 'en',
      title: 'Jan',
      script: `${pageOrigin}/main.js`,
      styles: [`${pageOrigin}/main.css`],
    });
    await page.addInitScript(() => {
      window.posted = [];
      Object.assign(window, {
        acquireVsCodeApi: () => ({
          postMessage: (one: ToHost) => void window.posted.push(one),
          // Over a reload, as VS Code keeps it while a view is hidden.
          getState: () => JSON.parse(sessionStorage.getItem('state') ?? 'null') as unknown,
          setState: (state: unknown) => sessionStorage.setItem('state', JSON.stringify(state)),
        }),
      });
    });
    await page.route('**/*', (route) => {
      const url = route.request().url();
      requested.push(url);
      switch (url) {
        case `${pageOrigin}/`:
          return route.fulfill({ contentType: 'text/html', body: html });
        case `${pageOrigin}/main.js`:
          return route.fulfill({ contentType: 'text/javascript', body: bundle });
        case `${pageOrigin}/main.css`:
          return route.fulfill({ contentType: 'text/css', body: styles });
        default:
          return route.abort();
      }
    });
    await page.goto(`${pageOrigin}/`);
    await ready();
  });

  afterEach(async () => page.close());

  const ready = (): Promise<unknown> => page.waitForFunction(() => window.posted.some((one) => one.type === 'ready'));

  const say = (one: ToWebview): Promise<void> => page.evaluate((data) => window.postMessage(data, '*'), one);
  const show = (shown: ChatState): Promise<void> =>
    say({ type: 'state', sequence: 1, state: shown, strings: createChatStrings(untranslated) });
  const posted = (): Promise<ToHost[]> => page.evaluate(() => window.posted.splice(0));
  const drawn = (): Promise<unknown> => page.waitForFunction(() => document.querySelector('jan-message .block') !== null && document.querySelector('.is-pending') === null);
  return {
    get page() {
      return page;
    },
    requested,
    complaints,
    say,
    show,
    async reload() {
      await page.reload();
      await ready();
    },
    posted,
    drawn,
  };
}
