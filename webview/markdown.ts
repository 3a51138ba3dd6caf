// Markdown to HTML, as whole blocks and while it is still arriving. Raw HTML is text, images are their descriptions,
// links are http and https only. What comes out is still sanitised before it is shown (sanitise.ts).
// Must not know: the page.

import createMarkdownIt, { type MarkdownIt, type Token } from 'markdown-it';

/** A top-level block: paragraph, list, table, code … */
export interface MarkdownBlock {
  readonly html: string;
  /** When the block is one fence of code, its text and the first word after the fence. */
  readonly code?: { readonly text: string; readonly language: string };
}

let shared: MarkdownIt | undefined;

function parser(): MarkdownIt {
  shared ??= createParser();
  return shared;
}

function createParser(): MarkdownIt {
  const markdown = createMarkdownIt({ html: false, linkify: true, typographer: false, maxNesting: 50 });
  // Only what is written as an address: "README.md" is no link.
  markdown.linkify.set({ fuzzyLink: false, fuzzyEmail: false, fuzzyIP: false });
  markdown.validateLink = (url) => /^https?:\/\//i.test(url.trim());
  // An image would be loaded, and its address can carry the conversation away: only its description is shown.
  markdown.renderer.rules.image = (tokens, index, options, env) => {
    const alt = markdown.renderer.renderInlineAsText(tokens[index]!.children ?? [], options, env);
    return alt === '' ? '' : `<span class="image-alt">${markdown.utils.escapeHtml(alt)}</span>`;
  };
  markdown.renderer.rules.fence = (tokens, index) => renderCode(markdown, tokens[index]!.content, languageOf(tokens[index]!));
  markdown.renderer.rules.code_block = (tokens, index) => renderCode(markdown, tokens[index]!.content, '');
  for (const cell of ['th_open', 'td_open'] as const) {
    // The policy of the page forbids style attributes.
    markdown.renderer.rules[cell] = (tokens, index) => {
      const align = /text-align:(\w+)/.exec(String(tokens[index]!.attrGet('style') ?? ''))?.[1];
      const tag = tokens[index]!.tag;
      return align === undefined ? `<${tag}>` : `<${tag} class="align-${align}">`;
    };
  }
  return markdown;
}

function languageOf(token: Token): string {
  return (/^[\w+#.-]{1,30}/.exec(token.info.trim())?.[0] ?? '').toLowerCase();
}

function renderCode(markdown: MarkdownIt, text: string, language: string): string {
  const name = language === '' ? '' : ` class="language-${markdown.utils.escapeHtml(language)}"`;
  return `<pre><code${name}>${markdown.utils.escapeHtml(text)}</code></pre>\n`;
}

/** The whole text at once. */
export function renderMarkdown(source: string): string {
  return parser().render(source);
}

/** The same, block by block: the blocks' HTML, joined, is that of {@link renderMarkdown}. */
export function renderBlocks(source: string): MarkdownBlock[] {
  return parse(source).map((group) => group.block());
}

interface Group {
  /** Line that the block begins on. */
  readonly line: number;
  readonly block: () => MarkdownBlock;
}

function parse(source: string): Group[] {
  const markdown = parser();
  const env = {};
  const tokens = markdown.parse(source, env);
  const groups: Group[] = [];
  for (let start = 0; start < tokens.length; ) {
    let end = start;
    while (!(tokens[end]!.level === 0 && tokens[end]!.nesting !== 1) && end < tokens.length - 1) {
      end += 1;
    }
    const own = tokens.slice(start, end + 1);
    const [first] = own;
    groups.push({
      line: first!.map?.[0] ?? 0,
      block: () => ({
        html: markdown.renderer.render(own, markdown.options, env),
        ...(own.length === 1 && first!.type === 'fence'
          ? { code: { text: first!.content, language: languageOf(first!) } }
          : {}),
      }),
    });
    start = end + 1;
  }
  return groups;
}

/**
 * Markdown that grows at its end. A block is final once a complete line after it has begun another one, because
 * CommonMark reads line by line and a closed block never opens again; only what follows is parsed again. What reaches
 * over blocks (link references) is put right by `finish`, which parses everything once.
 */
export class StreamingMarkdown {
  #source = '';
  readonly #final: MarkdownBlock[] = [];
  /** Where the part begins that may still change. */
  #tail = 0;
  /** The end of the complete lines that were looked at. */
  #seen = 0;

  /** @param source the whole text so far; @returns all blocks; those that are final keep their identity */
  update(source: string): readonly MarkdownBlock[] {
    const text = normalise(source);
    if (!text.startsWith(this.#source)) {
      this.#final.length = 0;
      this.#tail = 0;
      this.#seen = 0;
    }
    this.#source = text;
    this.#closeBlocks();
    const tail = parse(text.slice(this.#tail)).map((group) => group.block());
    return [...this.#final, ...tail];
  }

  /** The whole text has arrived. */
  finish(source: string): readonly MarkdownBlock[] {
    const text = normalise(source);
    const blocks = renderBlocks(text);
    const old = text.startsWith(this.#source) ? this.#final : [];
    return blocks.map((block, index) => (old[index]?.html === block.html ? old[index] : block));
  }

  #closeBlocks(): void {
    const end = this.#source.lastIndexOf('\n') + 1;
    if (end <= this.#seen) {
      return;
    }
    this.#seen = end;
    const complete = this.#source.slice(this.#tail, end);
    const groups = parse(complete);
    const last = groups.at(-1);
    if (groups.length > 1 && last !== undefined) {
      this.#final.push(...groups.slice(0, -1).map((group) => group.block()));
      this.#tail += offsetOfLine(complete, last.line);
    }
  }
}

/** As the parser does before it counts lines. */
function normalise(source: string): string {
  return source.replace(/\r\n?/g, '\n').replace(/\0/g, '\uFFFD');
}

function offsetOfLine(text: string, line: number): number {
  let offset = 0;
  for (let i = 0; i < line; i++) {
    offset = text.indexOf('\n', offset) + 1;
  }
  return offset;
}
