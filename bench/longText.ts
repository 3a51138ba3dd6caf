// Prompts of a wanted length.
// Must not know: rows.

const words = ['alpha', 'brave', 'cedar', 'delta', 'ember', 'frost', 'grove'];

/** Text of about that many tokens of the test vocabulary, different from its first word on. */
export function longText(seed: number, tokens: number): string {
  const text: string[] = [`${seed}`];
  // A word and its space take about three and a half tokens of the test vocabulary.
  for (let index = 0; index < tokens / 3.5; index++) {
    text.push(words[(index * ((seed % 6) + 1) + seed) % words.length]!);
  }
  return text.join(' ');
}

/** A short one, different from its first word on, so that no prompt's beginning is remembered. */
export function shortQuestion(round: number): string {
  return `${round} is the number of this question, please answer`;
}
