// Makes a conversation's name from its first question.
// Must not know: the store, the view.

const longest = 50;

/** At most about 50 characters on one line, cut at a word; Markdown marks at the start are left out. `''` for no words. */
export function conversationNameFrom(text: string): string {
  const line = text
    .slice(0, 2000)
    .replace(/```\S*/g, ' ')
    .replace(/[`*_~]+/g, '')
    .replace(/^[\s>#-]+/gm, '')
    .replace(/\s+/g, ' ')
    .trim();
  const characters = [...line];
  if (characters.length <= longest) {
    return line;
  }
  const head = characters.slice(0, longest).join('');
  const space = head.lastIndexOf(' ');
  // A script without spaces, or one very long word, is cut where it is.
  const cut = space > longest / 2 ? head.slice(0, space) : head;
  return `${cut.replace(/[\s,.;:–-]+$/, '')}…`;
}
