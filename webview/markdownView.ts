// <jan-markdown>: a text that may still be growing. Only blocks that changed are touched, one drawing per frame.
// Must not know: the chat, where the text comes from.

import { dressCode } from './codeBlock';
import { postToHost } from './host';
import { renderBlocks, StreamingMarkdown, type MarkdownBlock } from './markdown';
import { RenderQueue, type RenderJob } from './renderQueue';
import { sanitise } from './sanitise';

const queue = new RenderQueue();

interface DrawnBlock {
  readonly block: MarkdownBlock;
  readonly element: HTMLElement;
  readonly isFinal: boolean;
}

export class MarkdownView extends HTMLElement implements RenderJob {
  #source = '';
  #isStreaming = false;
  #drawnSource: string | undefined;
  #drawnStreaming = false;
  #stream: StreamingMarkdown | undefined;
  #drawn: DrawnBlock[] = [];
  /** A text that is slow to draw is drawn less often. */
  #notBefore = 0;
  #later: ReturnType<typeof setTimeout> | undefined;

  connectedCallback(): void {
    this.addEventListener('click', this.#onClick);
    this.addEventListener('auxclick', this.#onClick);
    queue.observe(this);
    this.#request();
  }

  disconnectedCallback(): void {
    this.removeEventListener('click', this.#onClick);
    this.removeEventListener('auxclick', this.#onClick);
    queue.remove(this);
    clearTimeout(this.#later);
    this.#later = undefined;
  }

  set source(value: string) {
    this.#source = value;
    this.#request();
  }

  get source(): string {
    return this.#source;
  }

  set streaming(value: boolean) {
    this.#isStreaming = value;
    this.#request();
  }

  get streaming(): boolean {
    return this.#isStreaming;
  }

  render(): void {
    if (!this.isConnected || (this.#source === this.#drawnSource && this.#isStreaming === this.#drawnStreaming)) {
      return;
    }
    const now = performance.now();
    if (this.#isStreaming && now < this.#notBefore) {
      // Not back into the queue, which would ask again at once, all the time until then.
      this.#later ??= setTimeout(() => {
        this.#later = undefined;
        queue.add(this);
      }, this.#notBefore - now);
      return;
    }
    this.#drawnSource = this.#source;
    this.#drawnStreaming = this.#isStreaming;
    this.removeAttribute('aria-busy');
    if (this.#isStreaming) {
      this.#stream ??= new StreamingMarkdown();
      const blocks = this.#stream.update(this.#source);
      this.#draw(blocks, blocks.length - 1);
    } else {
      const blocks = this.#stream?.finish(this.#source) ?? renderBlocks(this.#source);
      this.#stream = undefined;
      this.#draw(blocks, blocks.length);
    }
    const cost = performance.now() - now;
    this.#notBefore = cost > 8 ? performance.now() + cost * 4 : 0;
  }

  #request(): void {
    if (!this.isConnected) {
      return;
    }
    if (this.#drawnSource === undefined && this.#drawn.length === 0 && this.#source !== '') {
      // Until it is its turn, the text stands there as it is: readable, and of about the right height.
      this.textContent = this.#source;
      this.classList.add('is-pending');
    }
    if (this.#source !== this.#drawnSource || this.#isStreaming !== this.#drawnStreaming) {
      // Done is said when the last words stand there, not when they have arrived.
      this.setAttribute('aria-busy', 'true');
    }
    queue.add(this);
  }

  /** @param finalCount so many of the blocks will not change any more */
  #draw(blocks: readonly MarkdownBlock[], finalCount: number): void {
    if (this.classList.contains('is-pending')) {
      this.classList.remove('is-pending');
      this.replaceChildren();
    }
    const drawn = blocks.map((block, index): DrawnBlock => {
      const isFinal = index < finalCount;
      const old = this.#drawn[index];
      if (old !== undefined && old.isFinal === isFinal && old.block.html === block.html) {
        return { block, element: old.element, isFinal };
      }
      if (old !== undefined && !isFinal && growCode(old, block)) {
        return { block, element: old.element, isFinal };
      }
      const element = drawBlock(block, isFinal, old?.element);
      if (old === undefined) {
        this.append(element);
      }
      return { block, element, isFinal };
    });
    for (const old of this.#drawn.slice(drawn.length)) {
      old.element.remove();
    }
    this.#drawn = drawn;
  }

  readonly #onClick = (event: MouseEvent): void => {
    const link = event.target instanceof Element ? event.target.closest('a') : null;
    if (link !== null) {
      // The page never follows a link: the host looks at the address first.
      event.preventDefault();
      event.stopPropagation();
      if (event.button < 2) {
        postToHost({ type: 'openLink', url: link.getAttribute('href') ?? '' });
      }
    }
  };
}

/** More lines of the same code are only added to the text that is there. */
function growCode(old: DrawnBlock, block: MarkdownBlock): boolean {
  const before = old.block.code;
  const { code } = block;
  if (before === undefined || code === undefined || before.language !== code.language || old.isFinal) {
    return false;
  }
  const target = old.element.querySelector('pre > code');
  if (target === null || !code.text.startsWith(before.text)) {
    return false;
  }
  const added = code.text.slice(before.text.length);
  if (target.lastChild instanceof Text) {
    target.lastChild.appendData(added);
  } else {
    target.append(added);
  }
  return true;
}

function drawBlock(block: MarkdownBlock, isFinal: boolean, into?: HTMLElement): HTMLElement {
  const element = into ?? document.createElement('div');
  element.className = 'block';
  const content = sanitise(block.html);
  for (const link of content.querySelectorAll('a')) {
    // The address is shown before it is opened.
    link.title = link.getAttribute('href') ?? '';
  }
  element.replaceChildren(content);
  for (const pre of element.querySelectorAll('pre')) {
    dressCode(pre, isFinal);
  }
  return element;
}

customElements.define('jan-markdown', MarkdownView);
