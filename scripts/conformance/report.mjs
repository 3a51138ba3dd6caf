// What became of each test, in words, and the table of docs/conformance.md.
// Must not know: how tests are run.

/**
 * @typedef {{ id: string, outcome: 'passed' | 'failed' | 'skipped' | 'left out', message?: string, line?: number }} Result
 * @typedef {{ test: string, verdict: 'does not apply' | 'on purpose' | 'gap', reason: string, run?: false }} Reason
 *   `test` is the beginning of an id, with `$` a whole one; the longest that fits counts. `run: false`: not even tried.
 * @typedef {{ id: string, verdict: 'passes' | 'does not apply' | 'on purpose' | 'gap' | 'unexplained', reason: string }} Judged
 */

/** @param {Result[]} results @param {Reason[]} reasons @returns {Judged[]} in the order of ids */
export function judge(results, reasons) {
  const last = new Map();
  for (const result of results) {
    // A test that passed and then could not be cleaned up after has failed.
    last.set(result.id, last.get(result.id)?.outcome === 'failed' ? last.get(result.id) : result);
  }
  return [...last.values()].map((result) => judgeOne(result, reasons)).sort((a, b) => (a.id < b.id ? -1 : 1));
}

function judgeOne({ id, outcome, message = '', line }, reasons) {
  if (outcome === 'passed') {
    return { id, verdict: 'passes', reason: '' };
  }
  if (outcome === 'skipped') {
    return { id, verdict: 'does not apply', reason: /^needs/.test(message) ? message : `skipped by the suite itself: ${message || 'no reason given'}` };
  }
  const [fitting] = reasons.filter(({ test }) => (test.endsWith('$') ? `${id}$` === test : id.startsWith(test))).sort((a, b) => b.test.length - a.test.length);
  if (fitting !== undefined) {
    return { id, verdict: fitting.verdict, reason: fitting.reason };
  }
  return { id, verdict: 'unexplained', reason: `line ${line ?? '?'}: ${message.replace(/\s+/g, ' ')}` };
}

const verdicts = ['passes', 'does not apply', 'on purpose', 'gap', 'unexplained'];

/** @param {Judged[]} judged */
function counts(judged) {
  return Object.fromEntries(verdicts.map((verdict) => [verdict, judged.filter((one) => one.verdict === verdict).length]));
}

/** @param {Judged[]} judged */
export function toSummary(judged) {
  const failures = judged.filter(({ verdict }) => verdict === 'unexplained').map(({ id, reason }) => `${id}\n    ${reason}`);
  const total = Object.entries(counts(judged)).map(([verdict, count]) => `${count} ${verdict}`);
  return [...failures, `${judged.length} tests: ${total.join(', ')}`].join('\n');
}

/** @param {Judged[]} judged @param {string} tag of llama.cpp @param {Judged[]} reference what became of llama-server; none: not run */
export function toMarkdown(judged, tag, reference) {
  const passedThere = new Set(reference.filter(({ verdict }) => verdict === 'passes').map(({ id }) => id));
  const there = (tests) => (reference.length === 0 ? '–' : tests.filter(({ id }) => passedThere.has(id)).length);
  const files = Map.groupBy(judged, ({ id }) => id.split('::')[0]);
  const rows = [...files].map(([file, tests]) => `| \`${file}\` | ${verdicts.map((verdict) => counts(tests)[verdict] || '').join(' | ')} | ${there(tests)} |`);
  const total = counts(judged);
  return `# llama-server's own tests against Jan's endpoint

Written by \`npm run conformance\`: llama.cpp ${tag}'s \`tools/server/tests\` (pytest), each test with an engine and an endpoint of its own.
A thin port before the endpoint adds its token where the test starts llama-server without a key, and replaces the model's name;
nothing else is translated. The models are generated, with random weights: one that chats, one for embeddings, one that ranks.

- **passes**: as it is, unchanged.
- **does not apply**: it checks what is no part of what the endpoint offers ([endpoint.md](endpoint.md)), the words of a model
  that must be downloaded, or needs a Python package that is not there. The official npm clients \`openai\` and
  \`@anthropic-ai/sdk\` are run by our own tests (\`test/unit/gateway\`).
- **on purpose**: we answer otherwise, and mean it.
- **gap**: we should, and don't yet.

The last column counts what llama-server itself passes with the same models (\`--reference\`): a test that wants the words of
another model fails there as well. Files that don't apply as a whole are run with neither.

| File | ${verdicts.join(' | ')} | llama-server passes |
|---|${verdicts.map(() => '---:|').join('')}---:|
${rows.join('\n')}
| **${judged.length} tests** | ${verdicts.map((verdict) => `**${total[verdict]}**`).join(' | ')} | **${there(judged)}** |

${[...files].map(([file, tests]) => section(file, tests, there)).join('\n\n')}
`;
}

function section(file, tests, there) {
  const rows = grouped(tests).map(({ name, verdict, reason, members }) => {
    const count = members.length > 1 ? ` (${members.length})` : '';
    return `| \`${name}\`${count} | ${verdict} | ${escaped(reason)} | ${there(members) || ''} |`;
  });
  return `## ${file}\n\n| Test | | Reason | llama-server passes |\n|---|---|---|---:|\n${rows.join('\n')}`;
}

/** The variants of a test that came to the same end are one row. */
function grouped(tests) {
  const groups = new Map();
  for (const test of tests) {
    const { id, verdict, reason } = test;
    const name = id.split('::').slice(1).join('::').replace(/\[.*$/s, '');
    const key = JSON.stringify([name, verdict, reason]);
    const group = groups.get(key) ?? { name, verdict, reason, members: [] };
    group.members.push(test);
    groups.set(key, group);
  }
  return [...groups.values()];
}

function escaped(text) {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;');
}
