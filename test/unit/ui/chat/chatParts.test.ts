import assert from 'node:assert/strict';
import type { Message } from '../../../../src/api/jan';
import { janErrorCodes } from '../../../../src/common/errors';
import { maxTextLength, parseToHost } from '../../../../src/protocol/chatProtocol';
import { contentSecurityPolicy, createChatHtml } from '../../../../src/ui/chat/chatHtml';
import { createChatRequest } from '../../../../src/ui/chat/chatRequest';
import { conversationNameFrom } from '../../../../src/ui/chat/conversationName';
import { actionsForAnswer, actionsForNotice } from '../../../../src/ui/chat/errorActions';
import { MessageTree } from '../../../../src/ui/chat/messageTree';

const message = (id: string, parentId: string | null, change: Partial<Message> = {}): Message => ({
  id,
  parentId,
  conversationId: 'c',
  role: 'user',
  content: id,
  status: 'complete',
  createdAt: id.charCodeAt(0),
  updatedAt: 0,
  ...change,
});

describe('parseToHost', () => {
  it('takes every message of the protocol', () => {
    const valid = [
      { type: 'ready' },
      { type: 'send', conversationId: null, text: 'x' },
      { type: 'action', action: 'retry', messageId: 'm' },
      { type: 'openLink', url: 'https://jan.ai' },
    ];
    for (const one of valid) {
      assert.deepEqual(parseToHost(one), one);
    }
  });

  it('refuses everything else', () => {
    const invalid: unknown[] = [
      undefined,
      null,
      'ready',
      [],
      {},
      { type: 'nonsense' },
      { type: 'ready', extra: 1 },
      { type: 'send', text: 'x' },
      { type: 'send', conversationId: 1, text: 'x' },
      { type: 'send', conversationId: '', text: 'x' },
      { type: 'send', conversationId: null, text: 'x'.repeat(maxTextLength + 1) },
      { type: 'action', action: 'workbench.action.quit', messageId: null },
      { type: 'openConversation', id: 'x'.repeat(101) },
      { type: 'openConversation', id: { toString: () => 'x' } },
      JSON.parse('{"type":"ready","__proto__":{"polluted":true}}'),
    ];
    for (const one of invalid) {
      assert.equal(parseToHost(one), undefined, JSON.stringify(one)?.slice(0, 80));
    }
  });
});

describe('createChatHtml', () => {
  const page = {
    cspSource: 'https://source',
    nonce: 'N0nce',
    language: 'en',
    title: 'Jan',
    script: 'https://source/main.js',
    styles: ['https://source/main.css'],
  };

  it('allows nothing from elsewhere, and no inline script or style', () => {
    const policy = contentSecurityPolicy('https://source', 'N0nce');
    assert.match(policy, /^default-src 'none';/);
    assert.match(policy, /script-src 'nonce-N0nce'(;|$)/);
    assert.match(policy, /img-src https:\/\/source data:(;|$)/);
    for (const directive of ['connect-src', 'frame-src', 'base-uri', 'form-action', 'object-src', 'worker-src']) {
      assert.match(policy, new RegExp(`${directive} 'none'`));
    }
    assert.doesNotMatch(policy, /unsafe|\*/);
  });

  it('states its policy before anything is loaded, and escapes what it is given', () => {
    const html = createChatHtml({ ...page, title: '"><script>' });
    assert.ok(html.indexOf('Content-Security-Policy') < html.indexOf('<link'));
    assert.ok(html.indexOf('Content-Security-Policy') < html.indexOf('<script'));
    assert.doesNotMatch(html, /"><script>/);
  });
});

describe('conversationNameFrom', () => {
  it('takes the first words', () => {
    assert.equal(conversationNameFrom('  What\n is   Jan? '), 'What is Jan?');
    assert.equal(conversationNameFrom('# **Fix** `this`\n- please'), 'Fix this please');
    assert.equal(conversationNameFrom('```ts\nlet a\n```'), 'let a');
  });

  it('cuts at a word, and a word without end where it is', () => {
    const name = conversationNameFrom('Please explain, in some detail, how the engine loads a model');
    assert.ok(name.length <= 51 && name.endsWith('…') && 'Please explain, in some detail, how the engine loads a model'.startsWith(name.slice(0, -1)));
    assert.equal(conversationNameFrom('字'.repeat(80)), `${'字'.repeat(50)}…`);
    assert.equal(conversationNameFrom('👩‍👩‍👧'.repeat(40)).length < 200, true);
  });
});

describe('MessageTree', () => {
  const tree = new MessageTree([
    message('a', null),
    message('b', 'a', { role: 'assistant' }),
    message('c', 'a', { role: 'assistant' }),
    message('d', 'b'),
    message('e', 'd', { role: 'assistant' }),
    message('f', 'a', { role: 'assistant', status: 'failed', content: '' }),
  ]);

  it('follows parents to the root and children to the newest leaf', () => {
    assert.deepEqual(tree.pathTo('e').map((one) => one.id), ['a', 'b', 'd', 'e']);
    assert.deepEqual(tree.pathTo('unknown'), []);
    assert.equal(tree.leafBelow('b'), 'e');
    assert.equal(tree.newestLeaf(), 'f');
  });

  it('counts siblings, but not attempts that failed without a word', () => {
    assert.deepEqual(tree.branchOf(tree.get('b')!), { index: 1, count: 2, previousId: null, nextId: 'c' });
    assert.equal(tree.branchOf(tree.get('f')!)!.count, 3);
    assert.equal(tree.branchOf(tree.get('e')!), null);
  });

  it('survives a damaged chain', () => {
    const damaged = new MessageTree([message('a', 'b'), message('b', 'a'), message('c', 'lost')]);
    assert.equal(damaged.pathTo('a').length, 2);
    assert.deepEqual(damaged.pathTo('c').map((one) => one.id), ['c']);
    assert.ok(['a', 'b'].includes(damaged.leafBelow('a')));
  });
});

describe('createChatRequest', () => {
  it('puts instructions first, leaves out empty answers, and leaves the questions before and after one apart', () => {
    const path = [message('a', null), message('b', 'a', { role: 'assistant', content: '' }), message('c', 'b')];
    assert.deepEqual(createChatRequest(path, 'm', {}, { systemPrompt: 'Be brief.', temperature: 0 }), {
      modelId: 'm',
      temperature: 0,
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'a' },
        { role: 'user', content: 'c' },
      ],
    });
    assert.deepEqual(createChatRequest([message('a', null)], undefined, { systemPrompt: 'Own.' }, { systemPrompt: 'Be brief.' }).messages[0], {
      role: 'system',
      content: 'Own.',
    });
  });

  it('obeys the conversation’s own settings before all others', () => {
    const conversation = { systemPrompt: '', settings: { temperature: 1.5, maxTokens: 7, load: { contextLength: 4096 } } };
    const request = createChatRequest([message('a', null)], 'm', conversation, { systemPrompt: 'Be brief.', temperature: 0.1 });
    assert.deepEqual(request, {
      modelId: 'm',
      temperature: 1.5,
      maxTokens: 7,
      load: { contextLength: 4096 },
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'a' },
      ],
    });
  });
});

describe('errorActions', () => {
  it('offers a next step for every code', () => {
    for (const code of janErrorCodes) {
      assert.ok(actionsForAnswer(code).length > 0, code);
      assert.ok(!actionsForNotice(code).includes('retry'), code);
    }
  });
});
