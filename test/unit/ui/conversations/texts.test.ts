import assert from 'node:assert/strict';
import { fileNameFrom } from '../../../../src/ui/conversations/texts';

describe('File names from names of conversations', () => {
  it('are names on every system', () => {
    const cases: readonly (readonly [string, string])[] = [
      ['How do I sort a list?', 'How do I sort a list'],
      ['a/b\\c:d*e"f<g>h|i', 'a b c d e f g h i'],
      ['..\u0000../etc', '.. .. etc'],
      ['CON', 'Conversation'],
      ['nul.txt', 'Conversation'],
      ['   ', 'Conversation'],
      ['ends. . ', 'ends'],
      ['日本語 🙂', '日本語 🙂'],
      ['\ud800 half', 'half'],
      ['x'.repeat(300), 'x'.repeat(80)],
    ];
    for (const [name, expected] of cases) {
      assert.equal(fileNameFrom(name, 'Conversation'), expected, name);
    }
  });
});
