// Checks that llama.cpp splits texts into the same tokens as tokenizer.py, on the texts that training sees.
// Usage: sh train.sh --steps 0 --strings /tmp/strings.json && node checkTokens.mjs /tmp/strings.json [model.gguf]
// Knows nothing of training: it compares two lists of numbers per text.
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { getLlama } from 'node-llama-cpp';

const [strings, modelPath = join(import.meta.dirname, '../../media/starter-model/jan-guide.gguf')] = process.argv.slice(2);
const llama = await getLlama({ build: 'never', skipDownload: true, gpu: false, maxThreads: 1, logLevel: 'error' });
const model = await llama.loadModel({ modelPath: resolve(modelPath) });
const rows = JSON.parse(readFileSync(strings, 'utf8'));
const different = rows.filter(({ text, ids }) => JSON.stringify([...model.tokenize(text)]) !== JSON.stringify(ids));
for (const { text, ids } of different.slice(0, 10)) {
  console.log(JSON.stringify(text), 'llama.cpp', [...model.tokenize(text)].join(), 'trainer', ids.join());
}
console.log(`${rows.length - different.length} of ${rows.length} texts have equal tokens`);
process.exitCode = different.length > 0 ? 1 : 0;
await llama.dispose();
