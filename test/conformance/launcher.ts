// Stands in for the program llama-server, for its own tests: takes its arguments, starts the core, the inference plugin
// with the real runtime process, and the gateway; and serves the port that was asked for. The product is not bent for it:
// what an argument of llama-server sets is set as a user of Jan sets it (the settings of a model).
// Must not know: single tests.

import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import type { ConversationSettings, Model } from '../../src/api/jan';
import { registerInferencePlugin } from '../../src/builtin/inference/inferencePlugin';
import { nullLogger } from '../../src/common/log';
import { createCore } from '../../src/core/core';
import { createGateway } from '../../src/gateway/gateway';
import { writeEncoderModel } from '../fixtures/gguf/encoderModels';
import { testModelPath } from '../fixtures/gguf/testModels';
import { openPort } from './openPort';

const argument = { type: 'string' } as const;
const flag = { type: 'boolean' } as const;
const known = {
  host: argument,
  port: argument,
  alias: argument,
  'ctx-size': argument,
  parallel: argument,
  'batch-size': argument,
  threads: argument,
  'api-key': argument,
  'n-predict': argument,
  temp: argument,
  seed: argument,
  lora: { type: 'string', multiple: true },
  reasoning: argument,
  'chat-template': argument,
  'chat-template-file': argument,
  embedding: flag,
  reranking: flag,
} as const;

/** What the folder of the repository holds; the launcher runs anywhere. */
const repository = process.env['JAN_CONFORMANCE_REPOSITORY'] ?? process.cwd();
const reference = process.env['JAN_CONFORMANCE_REFERENCE'];

const given = process.argv.slice(2);
const { values, tokens } = parseArgs({ args: given, options: known, strict: false, tokens: true });
const text = (name: keyof typeof known): string | undefined => (typeof values[name] === 'string' ? values[name] : undefined);
const number = (name: keyof typeof known): number | undefined => (text(name) === undefined ? undefined : Number(text(name)));

const kind = values.reranking === true ? 'rerank' : values.embedding === true ? 'embeddings' : 'chat';
let stop: (() => void) | undefined;
const folder = await mkdtemp(path.join(os.tmpdir(), 'jan-cf-'));
const modelFile = await modelFileOf(kind);
process.on('SIGTERM', () => void end());
// Nobody is left to stop it when the tests are killed.
const parent = process.ppid;
setInterval(() => process.ppid === parent || void end(), 1000).unref();

if (reference !== undefined && reference !== '') {
  runReference(reference);
} else {
  await serve();
}

/** The real one, with our model in place of those that cannot be had. */
function runReference(program: string): void {
  const skipped = new Set(['--hf-repo', '--hf-file', '--model-url', '--mmproj-url']);
  const kept = given.filter((one, at) => !skipped.has(one) && !skipped.has(given[at - 1] ?? ''));
  const model = given.includes('--models-dir') || !given.includes('--hf-repo') ? [] : ['--model', modelFile];
  const child = spawn(program, [...kept, ...model], { stdio: 'inherit' });
  child.on('exit', (code) => process.exit(code ?? 1));
  process.on('SIGTERM', () => child.kill());
}

async function serve(): Promise<void> {
  const ignored = tokens.filter((token) => token.kind === 'option' && !(token.name in known)).map((token) => (token as { rawName: string }).rawName);
  console.log(`Arguments without effect: ${ignored.join(' ') || 'none'}`);
  const id = text('alias') ?? 'model';
  const settings = await settingsOf();
  const core = createCore({ log: nullLogger });
  const api = core.api('builtin');
  const model: Model = { id, name: id, backendId: 'llama.cpp', source: 'file', path: modelFile, createdAt: 0, startDownloadAt: -1, finishDownloadAt: 0 };
  api.registerPlugin({ id: 'conformance.models', name: 'Models', version: '1.0.0' }).registerProvider('getDownloadedModels', async () => [model]);
  const key = text('api-key');
  const gateway = createGateway({
    api: core.api('gateway'),
    log: nullLogger,
    tokens: { load: async () => undefined, isValid: (token) => token === key },
  });
  const inference = registerInferencePlugin(api, {
    log: nullLogger,
    runtimeEntry: path.join(repository, 'dist/runtime.mjs'),
    runtimeDirectory: folder,
    starterModelId: id,
    modelSettings: () => settings,
    openEndpoint: () => gateway.start(),
  });
  stop = () => {
    gateway.dispose();
    inference.dispose();
    core.dispose();
  };
  await api.inference.initModel(id);
  const endpoint = await api.inference.inferenceUrl();
  await openPort({
    host: text('host') ?? '127.0.0.1',
    port: number('port') ?? 8080,
    target: new URL(endpoint.url),
    token: key === undefined ? endpoint.token : undefined,
    model: id,
    thinking: { on: true, off: false }[text('reasoning') ?? ''],
  });
  console.log(`Serves “${id}” (${path.basename(modelFile)}) with ${JSON.stringify({ ...settings, load: { ...settings.load, chatTemplate: undefined } })}`);
}

/** llama-server's arguments as a user of Jan would set them for the model. */
async function settingsOf(): Promise<ConversationSettings> {
  const context = number('ctx-size');
  const predict = number('n-predict');
  const template = text('chat-template-file');
  return {
    temperature: number('temp'),
    seed: number('seed'),
    maxTokens: predict === undefined || predict < 0 ? undefined : predict,
    load: {
      // There the slots share the context; here each has its own.
      contextLength: context === undefined ? undefined : Math.floor(context / (number('parallel') ?? 1)),
      threads: number('threads'),
      loraAdapters: values.lora?.map((file) => ({ path: String(file) })),
      chatTemplate: template === undefined ? text('chat-template') : await readFile(template, 'utf8'),
    },
  };
}

async function modelFileOf(wanted: 'chat' | 'embeddings' | 'rerank'): Promise<string> {
  if (wanted === 'chat') {
    // Random weights: like the suite's own small model it hardly ever ends by itself.
    return testModelPath('null');
  }
  const file = path.join(folder, `${wanted}.gguf`);
  await writeEncoderModel(file, wanted, 512);
  return file;
}

async function end(): Promise<void> {
  stop?.();
  await rm(folder, { recursive: true, force: true });
  process.exit(128 + os.constants.signals.SIGTERM);
}
