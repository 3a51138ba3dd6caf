// Entry of a worker thread that does what strangers' text asks for (chat templates, schemas, grammars), so that the
// engine can end it when that has no end.
// Must not know: llama.cpp, requests, what the results are for.

import { Template } from '@huggingface/jinja';
import { parentPort } from 'node:worker_threads';
import { isJanError } from '../../common/errors';
import { checkGrammar } from '../grammar/checkGrammar';
import { jsonObjectGrammar, jsonSchemaGrammar } from '../grammar/jsonSchemaGrammar';
import { toolGrammar } from '../tools/toolGrammar';
import type { GrammarJob, SandboxJob, SandboxMessage } from './sandboxJobs';

/** Compiled templates that are kept: a model has one, some a second for tools. */
const keptTemplates = 8;
const maxOutput = 64 * 1024 * 1024;

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

const send = (message: SandboxMessage): void => parentPort?.postMessage(message);

parentPort?.on('message', ({ id, job }: { readonly id: number; readonly job: SandboxJob }) => {
  send({ id, begun: true });
  try {
    send({ id, text: run(job) });
  } catch (error) {
    const failed = error instanceof Error ? error.message : String(error);
    send({ id, failed, ...(isJanError(error, 'invalid-argument') ? { code: 'invalid-argument', details: error.details } : {}) });
  }
});
