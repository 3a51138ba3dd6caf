// Asks the committed starter model the questions of heldout.txt (written after the training patterns were final) and reports how many it answers right, and which not.
// Usage: node evaluate.mjs [model.gguf] [--development] [--quick] [--write]
//   --development  also judges development.txt      --quick  only single questions without a system prompt
//   --write        writes evaluation.json beside the model
// Knows nothing of the extension: it loads the GGUF with node-llama-cpp, greedily, in the model's own chat format.
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { getLlama, LlamaChatSession, resolveChatWrapper } from 'node-llama-cpp';

const here = import.meta.dirname;
const flags = process.argv.slice(2).filter((a) => a.startsWith('--'));
const modelPath = resolve(process.argv.slice(2).find((a) => !a.startsWith('--')) ??
  join(here, '../../media/starter-model/jan-guide.gguf'));
const small = new Set(['what_can_you_do', 'enough_help', 'hello', 'how_are_you', 'thanks', 'goodbye', 'who_are_you',
  'are_you_human', 'compliment', 'ok', 'insult', 'memory_across']);

/** Intent → the one right answer, from knowledge.txt. */
function readAnswers() {
  const answers = new Map();
  let intent;
  for (const line of readFileSync(join(here, 'knowledge.txt'), 'utf8').split('\n')) {
    if (line.startsWith('@ ')) {intent = line.slice(2).trim();}
    if (line.startsWith('= ')) {answers.set(intent, line.slice(2).replaceAll('\\n', '\n'));}
  }
  const decline = /DECLINE = \(([^)]*)\)/.exec(readFileSync(join(here, 'variations.py'), 'utf8'))[1];
  answers.set('outside', [...decline.matchAll(/"([^"]*)"|'([^']*)'(?=\s*$)/gm)].map((m) => m[1] ?? m[2]).join(''));
  return answers;
}

const answers = readAnswers();

/** The texts that count as right for an expectation such as `rename`, `search_models,download_model`, `name Ana`. */
function expected(text) {
  const [first, name] = text.trim().split(' ');
  if (first === 'meet') {return [`Nice to meet you, ${name}! What would you like to know about Jan?`];}
  if (first === 'name') {return [`Your name is ${name}.`];}
  if (first === 'noname') {return ['You have not told me your name yet.'];}
  return first.split(',').map((intent) => {
    if (!answers.has(intent)) {throw new Error(`heldout.txt names an unknown intent: ${intent}`);}
    return answers.get(intent);
  });
}

function readHeldOut() {
  const questions = [];
  const conversations = [];
  const lines = (file) => readFileSync(join(here, file), 'utf8').split('\n').map((line) => [line, file !== 'heldout.txt']);
  for (const [line, development] of [...lines('heldout.txt'), ...lines('development.txt')]) {
    if (!line || line.startsWith('#') || line.startsWith('names:')) {continue;}
    const at = line.indexOf(': ');
    const [kind, text] = [line.slice(0, at), line.slice(at + 2)];
    if (kind === 'chat') {
      const [system, body] = text.startsWith('sys ') ? [text.slice(4).split(' || ')[0], text.split(' || ')[1]] : [undefined, text];
      const turns = body.split(' => ').map((turn) => {
        const [said, wanted] = turn.split(' @');
        return { said: said.replace(/^\+/, ''), wanted };
      });
      const category = turns.some((t) => /^(name|meet|noname)/.test(t.wanted)) ? 'names' : turns.length > 3 ? 'long' : 'follow-ups';
      conversations.push({ category, system, turns, development });
    } else {
      text.split(' | ').forEach((said) => questions.push({
        category: kind === 'outside' ? 'outside' : small.has(kind) ? 'small talk' : 'guide', said, wanted: kind, development,
      }));
    }
  }
  return { questions, conversations };
}

const llama = await getLlama({ build: 'never', skipDownload: true, gpu: false, maxThreads: 1, logLevel: 'error' });
const model = await llama.loadModel({ modelPath });
const context = await model.createContext({ contextSize: 1024, threads: 1 });
const sequence = context.getSequence();
const session = new LlamaChatSession({ contextSequence: sequence });
let tokens = 0;
let milliseconds = 0;

/** Starts a conversation afresh: `turns` are [user, answer] pairs that went before. */
function begin(system, turns = []) {
  session.setChatHistory([
    ...(system ? [{ type: 'system', text: system }] : []),
    ...turns.flatMap(([user, answer]) => [{ type: 'user', text: user }, { type: 'model', response: [answer] }]),
  ]);
}

async function ask(said) {
  const start = performance.now();
  const answer = await session.prompt(said, { temperature: 0, maxTokens: 400, onToken: (t) => { tokens += t.length; } });
  milliseconds += performance.now() - start;
  return answer;
}

const results = new Map();
const failures = [];
function judge(category, said, wanted, got) {
  const row = results.get(category) ?? { right: 0, of: 0 };
  results.set(category, row);
  row.of++;
  if (expected(wanted).includes(got)) {
    row.right++;
    return;
  }
  const instead = [...answers].find(([, text]) => text === got)?.[0];
  failures.push({ category, said, expected: wanted, ...(instead ? { gaveAnswerOf: instead } : { got }) });
}

const { questions, conversations } = readHeldOut();
for (const q of questions) {
  if (q.development && !flags.includes('--development')) {continue;}
  begin();
  judge(q.development ? `development: ${q.category}` : q.category, q.said, q.wanted, await ask(q.said));
}
if (!flags.includes('--quick')) {
  for (const c of conversations) {
    if (c.development && !flags.includes('--development')) {continue;}
    begin(c.system);
    for (const turn of c.turns) {judge(c.development ? `development: ${c.category}` : c.category, turn.said, turn.wanted, await ask(turn.said));}
  }
  // The same test questions again, with a system prompt, and after three earlier exchanges.
  const test = questions.filter((q) => !q.development);
  const earlier = questions.filter((q) => q.development);
  for (const q of test) {
    begin('You are a helpful assistant.');
    judge('all questions, with a system prompt', q.said, q.wanted, await ask(q.said));
  }
  for (const [i, q] of test.entries()) {
    const before = [17, 61, 113].map((step) => earlier[(i * 7 + step) % earlier.length]);
    begin(undefined, before.map((b) => [b.said, expected(b.wanted)[0]]));
    judge('all questions, after three other exchanges', q.said, q.wanted, await ask(q.said));
  }
}

const share = (row) => ({ ...row, percent: Math.round((1000 * row.right) / row.of) / 10 });
const sum = (names) => share(names.map((n) => results.get(n) ?? { right: 0, of: 0 })
  .reduce((a, b) => ({ right: a.right + b.right, of: a.of + b.of }), { right: 0, of: 0 }));
const report = {
  model: 'jan-guide.gguf',
  sha256: createHash('sha256').update(readFileSync(modelPath)).digest('hex'),
  measured: 'greedy, node-llama-cpp, held-out questions that were not trained on; right means the whole answer is the right one, to the letter',
  chatWrapper: resolveChatWrapper(model).wrapperName,
  overall: sum(['guide', 'small talk', 'outside', 'names', 'follow-ups', 'long']),
  categories: Object.fromEntries([...results].map(([name, row]) => [name, share(row)])),
  tokensPerSecond: Math.round(tokens / (milliseconds / 1000)),
  failures,
};
for (const f of failures) {console.log(`${f.category}: ${f.said} → expected ${f.expected}, got ${f.gaveAnswerOf ?? JSON.stringify(f.got)}`);}
console.table(report.categories);
console.log('overall', report.overall, `${report.tokensPerSecond} tokens/s`);
if (flags.includes('--write')) {
  writeFileSync(join(dirname(modelPath), 'evaluation.json'), JSON.stringify({ ...report, tokensPerSecond: undefined }, null, 2) + '\n');
}
await llama.dispose();
