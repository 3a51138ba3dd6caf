// A block of code with its language, Copy, Insert and Wrap. Built from nodes, never from HTML.
// Must not know: Markdown, the rest of the chat.

import { highlight } from './highlight';
import { postToHost } from './host';
import { sanitise } from './sanitise';
import { strings } from './strings';

/** Puts a header above `pre` and colours into it (when `isFinal`). */
export function dressCode(pre: HTMLPreElement, isFinal: boolean): void {
  const code = pre.querySelector('code');
  if (code === null) {
    return;
  }
  const language = languageOf(code);
  if (pre.parentElement?.classList.contains('code-block') !== true) {
    const block = element('div', 'code-block');
    pre.replaceWith(block);
    block.append(header(code, block, language), pre);
    // A long line is scrolled to by keyboard as well.
    pre.tabIndex = 0;
  }
  if (isFinal) {
    const coloured = highlight(code.textContent ?? '', language);
    if (coloured !== undefined) {
      code.replaceChildren(sanitise(coloured));
      code.classList.add('hljs');
    }
  }
}

function languageOf(code: HTMLElement): string {
  return [...code.classList].find((name) => name.startsWith('language-'))?.slice('language-'.length) ?? '';
}

function header(code: HTMLElement, block: HTMLElement, language: string): HTMLElement {
  const bar = element('div', 'code-header');
  const label = element('span', 'code-language');
  label.textContent = language === '' ? strings().plainText : language;
  const textOf = (): string => (code.textContent ?? '').replace(/\n$/, '');
  const copy = button('copy', strings().copyCode, () => {
    postToHost({ type: 'copy', text: textOf() });
    showDone(copy, strings().copied);
  });
  const insert = button('insert', strings().insertCode, () => postToHost({ type: 'insert', text: textOf() }));
  const wrap = button('word-wrap', strings().wrapCode, () => {
    wrap.setAttribute('aria-pressed', String(block.classList.toggle('is-wrapped')));
  });
  wrap.setAttribute('aria-pressed', 'false');
  bar.append(label, wrap, insert, copy);
  return bar;
}

/** Turns a button's icon into a tick for a moment. */
export function showDone(target: Element, text: string): void {
  const icon = target.querySelector('.codicon');
  const before = icon?.className;
  if (icon === null || before === undefined || icon.classList.contains('codicon-check')) {
    return;
  }
  icon.className = 'codicon codicon-check';
  document.dispatchEvent(new CustomEvent('jan-announce', { detail: text }));
  setTimeout(() => (icon.className = before), 1500);
}

function button(icon: string, label: string, onClick: () => void): HTMLButtonElement {
  const result = document.createElement('button');
  result.type = 'button';
  result.className = 'icon-button';
  result.title = label;
  result.setAttribute('aria-label', label);
  const glyph = element('span', `codicon codicon-${icon}`);
  glyph.setAttribute('aria-hidden', 'true');
  result.append(glyph);
  result.addEventListener('click', onClick);
  return result;
}

function element(tag: 'div' | 'span', className: string): HTMLElement {
  const result = document.createElement(tag);
  result.className = className;
  return result;
}
