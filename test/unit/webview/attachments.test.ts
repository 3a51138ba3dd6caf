// Attached files on the built page in a real browser: chips, what is pasted and dropped, the length in tokens.

import assert from 'node:assert/strict';
import type { AttachmentItem } from '../../../src/protocol/chatProtocol';
import { message, state } from './chatFixtures';
import { usePage } from './pageInBrowser';

const item = (name: string, change: Partial<AttachmentItem> = {}): AttachmentItem => ({ id: name, name, range: null, kind: 'text', size: 5, ...change });

describe('Attached files on the page', function () {
  this.timeout(30_000);
  const tested = usePage();
  const { show, posted } = tested;
  const chip = (name: string) => tested.page.locator('jan-composer').getByRole('button', { name, exact: true });

  it('are named with their lines, opened and removed, by keyboard as well', async () => {
    await show(state([], { attachments: [item('src/a.ts', { range: { startLine: 3, endLine: 9 } }), item('b.png', { kind: 'image' })] }));
    await posted();
    await chip('Open src/a.ts, lines 3–9').click();
    await chip('Remove b.png').press('Enter');
    assert.deepEqual(await posted(), [
      { type: 'openAttachment', messageId: null, index: 0 },
      { type: 'removeAttachment', conversationId: 'c', index: 1 },
    ]);
    assert.match((await chip('Open b.png').getAttribute('title'))!, /read text only/);
  });

  it('of a message that was sent cannot be removed', async () => {
    await show(state([message('u', 'What?', { role: 'user', attachments: [item('<img src=x onerror=isHacked=1>')] })]));
    await posted();
    await tested.page.locator('.bubble .chip-open').click();
    assert.deepEqual(await posted(), [{ type: 'openAttachment', messageId: 'u', index: 0 }]);
    assert.equal(await tested.page.locator('.bubble .chip .icon-button, .bubble img').count(), 0);
  });

  it('can be sent without a word', async () => {
    await show(state([]));
    const send = tested.page.locator('.send');
    assert.equal(await send.isDisabled(), true);
    await show(state([], { attachments: [item('a.ts')] }));
    await posted();
    await send.click();
    assert.deepEqual(await posted(), [{ type: 'send', conversationId: 'c', text: '' }]);
  });

  it('come from the clipboard, unless it holds text', async () => {
    await show(state([]));
    await posted();
    const paste = (text: string) =>
      tested.page.evaluate((plain) => {
        const data = new DataTransfer();
        data.items.add(new File([new Uint8Array([1, 2, 3])], 'image.png', { type: 'image/png' }));
        if (plain !== '') {
          data.setData('text/plain', plain);
        }
        const event = new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true });
        document.querySelector('jan-composer textarea')!.dispatchEvent(event);
        return event.defaultPrevented;
      }, text);
    assert.equal(await paste('a table'), false);
    assert.equal(await paste(''), true);
    await tested.page.waitForFunction(() => window.posted.length > 0);
    assert.deepEqual(await bytesPosted(), [['image.png', 3]]);
  });

  it('are dropped anywhere, by address when they are VS Code’s own', async () => {
    await show(state([]));
    await posted();
    const drop = (uris: string) =>
      tested.page.evaluate((list) => {
        const data = new DataTransfer();
        if (list === '') {
          data.items.add(new File(['hello'], 'notes.txt'));
        } else {
          data.setData('application/vnd.code.uri-list', list);
        }
        const options = { dataTransfer: data, bubbles: true, cancelable: true };
        document.body.dispatchEvent(new DragEvent('dragover', options));
        return new Promise<boolean>((resolve) =>
          requestAnimationFrame(() => {
            const isHinted = document.querySelector('.drop-hint') !== null;
            document.body.dispatchEvent(new DragEvent('drop', options));
            resolve(isHinted);
          }),
        );
      }, uris);
    assert.equal(await drop(''), true);
    await tested.page.waitForFunction(() => window.posted.length > 0);
    assert.deepEqual(await bytesPosted(), [['notes.txt', 5]]);
    assert.equal(await tested.page.locator('.drop-hint').count(), 0);
    await drop('file:///w/a.ts\r\nfile:///w/b.ts');
    assert.deepEqual(await posted(), [{ type: 'attachUris', conversationId: 'c', uris: ['file:///w/a.ts', 'file:///w/b.ts'] }]);
  });

  it('count in tokens beside the box; a warning says when the message alone is too long, a note when old ones will be left out', async () => {
    const count = tested.page.locator('.token-count');
    await show(state([]));
    assert.equal(await count.count(), 0);
    await show(state([], { tokens: { count: 1234, limit: 4096, newest: null } }));
    await tested.page.setViewportSize({ width: 320, height: 700 });
    assert.equal(await count.innerText(), '30%');
    await tested.page.setViewportSize({ width: 600, height: 700 });
    assert.equal(await count.innerText(), '1.2K / 4.1K');
    assert.match((await count.getAttribute('aria-label'))!, /1,234 of the 4,096 tokens/);
    await show(state([], { tokens: { count: 5000, limit: 4096, newest: 300 } }));
    assert.match((await count.getAttribute('aria-label'))!, /oldest messages will be left out/);
    assert.equal(await count.locator('.codicon-warning').count(), 0, 'nothing is wrong with it');
    await tested.page.setViewportSize({ width: 320, height: 700 });
    assert.equal(await count.innerText(), '> 100%');
    await tested.page.setViewportSize({ width: 600, height: 700 });
    await show(state([], { tokens: { count: 12_000, limit: 4096, newest: 9000 } }));
    assert.match((await count.getAttribute('aria-label'))!, /^This message alone has 9,000 tokens, and the model can take in 4,096\. Shorten it/);
    assert.equal(await count.innerText(), '9K / 4.1K');
    assert.equal(await count.locator('.codicon-warning').count(), 1);
  });

  /** Bytes do not come through as JSON. */
  async function bytesPosted(): Promise<unknown> {
    return tested.page.evaluate(() =>
      window.posted.splice(0).flatMap((one) => (one.type === 'attachFiles' ? one.files.map(({ name, bytes }) => [name, (bytes as Uint8Array).length]) : [one.type])),
    );
  }
});
