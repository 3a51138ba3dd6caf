import assert from 'node:assert/strict';
import { onceEvent } from '../../../src/common/events';
import { directTarget, SearchSession, type SearchPage, type SearchState } from '../../../src/ui/searchSession';

interface Asked {
  readonly text: string;
  readonly cursor: string | undefined;
  readonly answer: (page: SearchPage<string>) => void;
  readonly fail: (error: Error) => void;
}

describe('SearchSession', () => {
  let asked: Asked[];
  let onAsked: (() => void) | undefined;
  let session: SearchSession<string>;

  beforeEach(() => {
    asked = [];
    onAsked = undefined;
    session = new SearchSession<string>({
      debounceMs: 5,
      search: (text, cursor) =>
        new Promise((answer, fail) => {
          asked.push({ text, cursor, answer, fail });
          onAsked?.();
        }),
    });
  });

  afterEach(() => session.dispose());

  const untilAsked = (count: number): Promise<void> =>
    new Promise((resolve) => {
      onAsked = () => asked.length >= count && resolve();
      onAsked();
    });
  const settled = (): Promise<SearchState<string>> => onceEvent(session.onDidChange, (state) => !state.busy);
  async function answerWith(at: number, page: SearchPage<string>): Promise<SearchState<string>> {
    const state = settled();
    asked[at]?.answer(page);
    return state;
  }

  it('asks once, for what was typed last', async () => {
    ['q', 'qw', 'qwen', ' qwen '].forEach((text) => session.setText(text));
    assert.equal(session.state.busy, true);
    await untilAsked(1);
    const state = await answerWith(0, { items: ['a', 'b'] });
    assert.deepEqual(asked.map(({ text }) => text), ['qwen']);
    assert.deepEqual(state, { text: 'qwen', items: ['a', 'b'], busy: false, hasMore: false });
  });

  it('drops the answer to an older question', async () => {
    session.setText('one');
    await untilAsked(1);
    session.setText('two');
    asked[0]?.answer({ items: ['old'] });
    await untilAsked(2);
    assert.deepEqual(session.state.items, []);
    assert.deepEqual((await answerWith(1, { items: ['new'] })).items, ['new']);
  });

  it('keeps what is shown until the new answer is there', async () => {
    session.setText('one');
    await untilAsked(1);
    await answerWith(0, { items: ['x'] });
    session.setText('ones');
    assert.deepEqual([session.state.items, session.state.busy], [['x'], true]);
  });

  it('adds further pages, and ends', async () => {
    session.setText('one');
    await untilAsked(1);
    assert.equal((await answerWith(0, { items: ['1'], cursor: 'p2' })).hasMore, true);
    void session.loadMore();
    void session.loadMore();
    await untilAsked(2);
    const state = await answerWith(1, { items: ['2'] });
    assert.deepEqual([state.items, state.hasMore], [['1', '2'], false]);
    await session.loadMore();
    assert.deepEqual(asked.map(({ cursor }) => cursor), [undefined, 'p2']);
  });

  it('shows an error and asks again when told to', async () => {
    session.setText('one');
    await untilAsked(1);
    const failed = settled();
    asked[0]?.fail(new Error('no network'));
    assert.equal((await failed).error?.message, 'no network');
    void session.retry();
    await untilAsked(2);
    const state = await answerWith(1, { items: ['1'] });
    assert.deepEqual([state.items, state.error], [['1'], undefined]);
  });

  it('keeps the first page when the second fails', async () => {
    session.setText('one');
    await untilAsked(1);
    await answerWith(0, { items: ['1'], cursor: 'p2' });
    void session.loadMore();
    await untilAsked(2);
    const failed = settled();
    asked[1]?.fail(new Error('no network'));
    const state = await failed;
    assert.deepEqual([state.items, state.error?.message], [['1'], 'no network']);
    void session.retry();
    await untilAsked(3);
    assert.equal(asked[2]?.cursor, 'p2');
  });

  it('asks nothing for an empty text', async () => {
    session.setText('one');
    session.setText('  ');
    assert.deepEqual(session.state, { text: '', items: [], busy: false, hasMore: false });
    session.setText('two');
    await untilAsked(1);
    assert.deepEqual(asked.map(({ text }) => text), ['two']);
  });
});

describe('directTarget', () => {
  it('knows addresses of files and repositories', () => {
    assert.deepEqual(directTarget('https://h.co/o/n/resolve/main/x.GGUF?download=true'), {
      kind: 'url',
      url: 'https://h.co/o/n/resolve/main/x.GGUF?download=true',
    });
    assert.deepEqual(directTarget(' https://huggingface.co/Qwen/Qwen3-8B-GGUF/tree/main '), { kind: 'repository', repository: 'Qwen/Qwen3-8B-GGUF' });
    assert.deepEqual(directTarget('Qwen/Qwen3-8B-GGUF'), { kind: 'repository', repository: 'Qwen/Qwen3-8B-GGUF' });
  });

  it('leaves other text to the search', () => {
    for (const text of ['', 'qwen', 'a/b/c', 'file:///etc/x.gguf', 'javascript:x.gguf', 'https://huggingface.co/', 'qwen / 3']) {
      assert.equal(directTarget(text), undefined, text);
    }
  });
});
