// Brings a message into sight and marks it for a moment.
// Must not know: why, other messages.

import type { LitElement } from 'lit';
import type { StickyScroll } from './stickyScroll';

/** Frames for which the place is kept while what is above is still being drawn. */
const settlingFrames = 40;
/** ms */
const markedFor = 2500;

export function showFound(message: LitElement, scroll: StickyScroll, scroller: Element): void {
  let frames = 0;
  let isLeft = false;
  const leave = (): void => {
    isLeft = true;
  };
  scroller.addEventListener('wheel', leave, { once: true, passive: true });
  scroller.addEventListener('keydown', leave, { once: true });
  scroller.addEventListener('pointerdown', leave, { once: true });
  const keep = (): void => {
    if (isLeft || !message.isConnected) {
      return;
    }
    const offset = message.getBoundingClientRect().top - scroller.getBoundingClientRect().top;
    // A little above it stays in sight, so that one knows where one is.
    const top = Math.max(0, scroller.scrollTop + offset - Math.min(80, scroller.clientHeight / 4));
    if (frames === 0 || Math.abs(offset - Math.min(80, scroller.clientHeight / 4)) > 2) {
      scroll.to(top);
    }
    if (frames++ < settlingFrames) {
      requestAnimationFrame(keep);
    }
  };
  keep();
  message.classList.add('is-found');
  setTimeout(() => message.classList.remove('is-found'), markedFor);
  // It may have come to the page in this very moment.
  void message.updateComplete.then(() => {
    const article = message.querySelector<HTMLElement>('article');
    if (article !== null) {
      // A screen reader goes on from here.
      article.tabIndex = -1;
      article.focus({ preventScroll: true });
    }
  });
}
