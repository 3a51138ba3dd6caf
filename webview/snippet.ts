// A part of a text in which what was searched for is marked. The text is hostile: it only ever becomes text nodes.
// Must not know: where it was found.

import { html, type TemplateResult } from 'lit';

/** The text in pieces, in order; places that overlap or lie outside are left out. */
export function piecesOf(text: string, highlights: readonly (readonly [number, number])[]): { readonly text: string; readonly isMarked: boolean }[] {
  const pieces: { text: string; isMarked: boolean }[] = [];
  let at = 0;
  for (const [start, end] of highlights) {
    if (start >= at && end > start && end <= text.length) {
      pieces.push({ text: text.slice(at, start), isMarked: false }, { text: text.slice(start, end), isMarked: true });
      at = end;
    }
  }
  pieces.push({ text: text.slice(at), isMarked: false });
  return pieces.filter((piece) => piece.text !== '');
}

export function markedText(text: string, highlights: readonly (readonly [number, number])[]): TemplateResult[] {
  return piecesOf(text, highlights).map((piece) => (piece.isMarked ? html`<mark>${piece.text}</mark>` : html`${piece.text}`));
}
