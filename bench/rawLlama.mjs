// node-llama-cpp alone, in a process of its own as the runtime is (same session rules, so that the system's scheduler
// treats both alike). Usage: node rawLlama.mjs <model.gguf> <same|flash>; then one JSON line {content, tokens} per question on
// stdin, answered by {text, totalMs, gaps} on stdout.
// Must not know: the product, but for how it chooses attention.

import os from 'node:os';
import { performance } from 'node:perf_hooks';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { getLlama, LlamaLogLevel } from 'node-llama-cpp';
import { chooseAttention } from '../src/runtime/attention.ts';

const threads = Math.max(1, os.availableParallelism() - 1);
const llama = await getLlama({
  build: 'never', skipDownload: true, gpu: 'auto', progressLogs: false, logLevel: LlamaLogLevel.error, maxThreads: threads,
});
const model = await llama.loadModel({ modelPath: process.argv[2] });
const contextSize = Math.min(8192, model.trainContextSize);
// Unless flash is asked for, attention as the product computes it, so that rows compare the same arithmetic.
const { architecture } = model.fileInfo.metadata.general;
const attention = chooseAttention(process.argv[3] === 'flash' ? { flashAttention: true } : {}, {
  gpuLayers: model.gpuLayers, contextLength: contextSize, headCount: model.fileInfo.metadata[architecture].attention.head_count,
});
const context = await model.createContext({ contextSize, sequences: 1, threads, ...attention });
const sequence = context.getSequence();
process.stdout.write('{"ready":true}\n');

for await (const line of createInterface({ input: process.stdin })) {
  const { content, tokens } = JSON.parse(line);
  const prompt = [
    ...model.tokenize('<|im_start|>user\n', true),
    ...model.tokenize(content),
    ...model.tokenize('<|im_end|>\n<|im_start|>assistant\n', true),
  ];
  await sequence.clearHistory();
  const answer = [];
  const gaps = [];
  let last;
  const began = performance.now();
  for await (const token of sequence.evaluate(prompt, { temperature: 0, yieldEogToken: true })) {
    answer.push(token);
    const now = performance.now();
    if (last !== undefined) {
      gaps.push(now - last);
    }
    last = now;
    if (answer.length >= tokens) {
      break;
    }
  }
  const totalMs = performance.now() - began;
  process.stdout.write(`${JSON.stringify({ text: model.detokenize(answer), totalMs, gaps })}\n`);
}
process.exit(0);
