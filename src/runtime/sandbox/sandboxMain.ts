// Entry of the process that does what strangers' text asks for (chat templates, schemas, grammars): the engine can end
// it when that has no end, and nothing but itself ends when it takes too much memory. One job after another, without an
// event loop. Usage: sandbox.mjs [--watch]
// Must not know: llama.cpp, requests, what the results are for.

import { Template } from '@huggingface/jinja';
import { isJanError } from '../../common/errors';
import { checkGrammar } from '../grammar/checkGrammar';
import { jsonObjectGrammar, jsonSchemaGrammar } from '../grammar/jsonSchemaGrammar';
import { toolGrammar } from '../tools/toolGrammar';
import { readFrame, writeFrame } from './frames';
import { endWithEngine } from './lifeline';
import type { GrammarJob, JobFailure, SandboxJob } from './sandboxJobs';

/** Compiled templates that are kept: a model has one, some a second for tools. */
const keptTemplates = 8;
const maxOutput = 64 * 1024 * 1024;
const input = 0;
const output = 1;

const templates = new Map<string, Template>();

function run(job: SandboxJob): string {
  if (job.kind === 'grammar') {
    const grammar = grammarOf(job);
    if (job.form !== 'json') {
      checkGrammar(grammar);
    }
    return grammar;
  }
  const text = templateOf(job.template).render({ ...job.variables });
  if (text.length > maxOutput) {
    throw new Error(`its result is longer than ${maxOutput} characters`);
  }
  return text;
}

function grammarOf(job: GrammarJob): string {
  switch (job.form) {
    case 'json':
      return jsonObjectGrammar();
    case 'schema':
      return jsonSchemaGrammar(job.schema);
    case 'gbnf':
      return job.grammar;
    case 'tools':
      return toolGrammar(job);
  }
}

function templateOf(source: string): Template {
  const known = templates.get(source);
  if (known !== undefined) {
    return known;
  }
  const template = new Template(source);
  if (templates.size >= keptTemplates) {
    templates.delete(templates.keys().next().value!);
  }
  templates.set(source, template);
  return template;
}

function failureOf(error: unknown): JobFailure {
  const failed = error instanceof Error ? error.message : String(error);
  return { failed, ...(isJanError(error, 'invalid-argument') ? { code: 'invalid-argument', details: error.details } : {}) };
}

function answer(job: SandboxJob): void {
  writeFrame(output, { kind: 'begun', body: '' });
  let text: string;
  try {
    text = run(job);
  } catch (error) {
    writeFrame(output, { kind: 'failed', body: JSON.stringify(failureOf(error)) });
    return;
  }
  writeFrame(output, { kind: 'text', body: text });
}

if (process.argv.includes('--watch')) {
  endWithEngine();
}
writeFrame(output, { kind: 'ready', body: 'permission' in process ? '1' : '0' });
for (let frame = readFrame(input); frame !== undefined; frame = readFrame(input)) {
  answer(JSON.parse(frame.body) as SandboxJob);
}
process.exit();
