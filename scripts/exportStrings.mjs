// Writes l10n/bundle.l10n.json: every string of the code that is shown through l10n.t, for translators.
// A translation is a copy of it named bundle.l10n.<language>.json, with the values translated.
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const strings = new Set();
const unreadable = [];

for (const name of globSync('src/**/*.ts', { cwd: root }).sort()) {
  const source = ts.createSourceFile(name, readFileSync(join(root, name), 'utf8'), ts.ScriptTarget.Latest, true);
  const visit = (node) => {
    if (ts.isCallExpression(node) && /(^|\.)l10n\.t$/.test(node.expression.getText())) {
      const [text] = node.arguments;
      if (text !== undefined && ts.isStringLiteralLike(text)) {
        strings.add(text.text);
      } else {
        const { line } = source.getLineAndCharacterOfPosition(node.getStart());
        unreadable.push(`${name}:${line + 1}: the text of l10n.t must be a plain string, or it cannot be translated.`);
      }
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
}

unreadable.forEach((line) => console.error(line));
process.exitCode = unreadable.length === 0 ? 0 : 1;
const bundle = Object.fromEntries([...strings].sort().map((text) => [text, text]));
writeFileSync(join(root, 'l10n/bundle.l10n.json'), `${JSON.stringify(bundle, null, 2)}\n`);
