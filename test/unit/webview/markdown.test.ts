import assert from 'node:assert/strict';
import { renderBlocks, renderMarkdown, StreamingMarkdown } from '../../../webview/markdown';

/** One of each construct that can begin, continue or end a block, and those that look ahead or back. */
const texts: Readonly<Record<string, string>> = {
  paragraphs: 'One.\nStill one.\n\nTwo.\n\n\n\nThree',
  'setext headings': 'Title\n=====\n\nSub\n---\ntext\n- \nmore',
  'hash that becomes text': 'para\n#not a heading\n# a heading\n#',
  fences: 'a\n```ts\nconst x = 1;\n\n# not a heading\n```\nb\n~~~\nopen\n',
  'fence in a list': '1. one\n   ```sh\n   ls\n   ```\n2. two\n\nafter',
  'unclosed fence': 'x\n\n```js\nlet a;\n\nlet b;',
  'indented code': 'text\n\n    code\n\n    more\n\ntext',
  'loose and tight lists': '- a\n- b\n\n- c\n\n  still c\n- d\n+ other list\n\n1. x\n1. y\n3) z',
  'number that starts no list': 'It was\n1986. A good year\n\n2. but this does',
  'nested lists': '- a\n  - b\n    - c\n- d\n\n  para in d\n\nout',
  quotes: '> a\nlazy\n> > b\n\n> c\n\nout',
  tables: 'before\na | b\n---|:-:\n1 | 2\n3 | 4\n\nafter\n| not | a table\nreally',
  'table row that is none': 'para\na|b\n-|-x\nrest\n',
  'link references': 'See [docs] and [other][d].\n\n[docs]: https://jan.ai/docs "Docs"\n[d]: https://jan.ai\n\n- [docs]',
  'reference over lines': 'See [a].\n\n[a]:\nhttps://jan.ai\n"title\nmore"\n\nend',
  rules: 'a\n\n***\nb\n---\n\n- - -\nc',
  'line endings': 'one\r\ntwo\r\n\r\nthree\rfour\r\r- five\r\n- six',
  'html is text': '<div>\n*a*\n</div>\n\n<script>alert(1)</script>\n\n<!-- b -->',
  emphasis: '**a *b* c** __d__ ~~e~~ `f` ``g ` h`` \\*i\\*',
  addresses: 'https://jan.ai/a?b=c, <https://jan.ai> and README.md\n\n[x](https://jan.ai "t")',
  'every script': 'Привет **мир**\n\n你好，*世界*\n\n👩‍👩‍👧 `ok`\n\n\u0000zero',
  'only white space': '\n \n\t\n',
  empty: '',
};

describe('StreamingMarkdown', () => {
  for (const [name, text] of Object.entries(texts)) {
    it(`gives at the end what one parse gives, whatever the pieces: ${name}`, () => {
      const whole = renderMarkdown(text);
      const stream = new StreamingMarkdown();
      for (let end = 0; end <= text.length; end++) {
        stream.update(text.slice(0, end));
      }
      assert.equal(stream.finish(text).map((block) => block.html).join(''), whole);
    });

    it(`never goes wrong on the way, but for references: ${name}`, () => {
      if (name.includes('reference')) {
        // These reach over blocks: put right at the end, as the test before shows.
        assert.match(text, /\]:/);
        return;
      }
      const stream = new StreamingMarkdown();
      for (let end = 0; end <= text.length; end++) {
        const part = text.slice(0, end);
        assert.equal(
          stream.update(part).map((block) => block.html).join(''),
          renderMarkdown(part),
          `after ${JSON.stringify(part)}`,
        );
      }
    });
  }

  it('keeps the blocks that are final, so that nothing of them is drawn again', () => {
    const stream = new StreamingMarkdown();
    const first = stream.update('# A\n\nb\n\nc');
    const second = stream.update('# A\n\nb\n\nc and more\n\nd');
    assert.equal(second[0], first[0]);
    const third = stream.finish('# A\n\nb\n\nc and more\n\nd');
    assert.equal(third[0], second[0]);
  });

  it('begins again when the text is another one', () => {
    const stream = new StreamingMarkdown();
    stream.update('# A\n\nb\n\nc\n\n');
    assert.equal(stream.update('other\n\ntext').map((block) => block.html).join(''), '<p>other</p>\n<p>text</p>\n');
  });

  it('parses only the end: a long answer in small pieces costs a fraction of parsing all of it each time', () => {
    const text = 'A paragraph with **bold** text, `code` and [a link](https://jan.ai).\n\n- one\n- two\n\n'.repeat(200);
    const timeOf = (work: () => void): number => {
      const started = performance.now();
      work();
      return performance.now() - started;
    };
    renderMarkdown(text);
    const pieces: string[] = [];
    for (let end = 0; end < text.length; end += 64) {
      pieces.push(text.slice(0, end));
    }
    const everyTime = timeOf(() => pieces.forEach((piece) => renderMarkdown(piece)));
    const stream = new StreamingMarkdown();
    const streamed = timeOf(() => pieces.forEach((piece) => stream.update(piece)));
    assert.ok(streamed < everyTime / 3, `${streamed.toFixed(1)} ms, parsing all of it each time ${everyTime.toFixed(1)} ms`);
  });
});

describe('renderBlocks', () => {
  it('names the language and text of a fence', () => {
    const [, code] = renderBlocks('Look:\n\n```TypeScript title="x"\nlet a;\n```\n');
    assert.deepEqual(code?.code, { text: 'let a;\n', language: 'typescript' });
  });
});

describe('renderMarkdown', () => {
  it('links to http and https only', () => {
    for (const url of ['javascript:alert(1)', 'JaVaScRiPt:alert(1)', 'data:text/html,x', 'vbscript:x', 'file:///etc/passwd', 'command:quit', '//host/x', '/etc/passwd', '#x']) {
      for (const text of [`[a](${url})`, `[a](<${url}>)`, `[a][r]\n\n[r]: ${url}`, `<${url}>`]) {
        assert.doesNotMatch(renderMarkdown(text), /<a[ >]/, text);
      }
    }
    assert.match(renderMarkdown('[a](https://jan.ai)'), /<a href="https:\/\/jan\.ai">a<\/a>/);
  });

  it('shows the description of an image and loads nothing', () => {
    assert.equal(
      renderMarkdown('![a *picture*](https://evil.example/?q=secret)'),
      '<p><span class="image-alt">a picture</span></p>\n',
    );
    // Not even an address that may be shown: it stays as it was written.
    assert.doesNotMatch(renderMarkdown('![a](data:image/png;base64,AAAA)'), /<img|src=/);
  });

  it('shows HTML as text', () => {
    assert.equal(renderMarkdown('<img src=x onerror=alert(1)>'), '<p>&lt;img src=x onerror=alert(1)&gt;</p>\n');
  });

  it('uses classes for alignment: the page forbids style attributes', () => {
    const html = renderMarkdown('a | b\n--:|:-:\n1 | 2');
    assert.match(html, /<td class="align-right">1<\/td>/);
    assert.doesNotMatch(html, /style=/);
  });

  it('takes only a plain word as a language', () => {
    assert.match(renderMarkdown('```"onclick=x\na\n```'), /<pre><code>a/);
    assert.match(renderMarkdown('```c++\na\n```'), /<code class="language-c\+\+">/);
  });
});
