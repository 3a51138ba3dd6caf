// What callers may hand to the Inference service. Callers are other extensions, the web view, HTTP: hostile until
// checked, and native code sees nothing that was not. Ranges: src/api/jan.d.ts.
// Must not know: backends.

import * as v from 'valibot';
import { JanError } from '../../common/errors';
import { loadOptionsEntries, requestSettingsEntries } from '../settingsSchema';

const maxTextLength = 16 * 1024 * 1024;
const text = v.pipe(v.string(), v.maxLength(maxTextLength, 'at most 16 Mi characters'));
const modelId = v.pipe(v.string('a model is named by its id, a string'), v.minLength(1, 'a model is named by its id'), v.maxLength(500));
const name = v.pipe(v.string(), v.regex(/^[\w-]{1,128}$/, 'a name of letters, digits, _ and -, at most 128'));
/** In a conversation: what a model once called need not exist. */
const calledName = v.pipe(v.string(), v.minLength(1, 'a name of 1 to 200 characters'), v.maxLength(200, 'a name of 1 to 200 characters'));
const tokens = v.pipe(v.array(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(2 ** 31 - 1))), v.maxLength(2 ** 24));
const plainObject = v.record(v.string(), v.unknown());

const message = v.object({
  role: v.picklist(['system', 'user', 'assistant', 'tool'], 'a message has a role: system, user, assistant or tool'),
  content: text,
  reasoning: v.optional(text),
  toolCalls: v.optional(v.pipe(v.array(v.object({ id: v.pipe(v.string(), v.maxLength(200)), name: calledName, arguments: text })), v.maxLength(1024))),
  toolCallId: v.optional(v.pipe(v.string(), v.maxLength(200))),
});

const generation = {
  ...requestSettingsEntries,
  modelId: v.optional(modelId),
  responseFormat: v.optional(
    v.variant('type', [
      v.object({ type: v.literal('text') }),
      v.object({ type: v.literal('json') }),
      v.object({ type: v.literal('json-schema'), schema: plainObject }),
      v.object({ type: v.literal('grammar'), grammar: v.pipe(v.string(), v.maxLength(64 * 1024, 'a grammar of at most 64 Ki characters')) }),
    ]),
  ),
  logprobs: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(20))),
  logprobsAfterSampling: v.optional(v.boolean()),
  ignoreEnd: v.optional(v.boolean()),
  tellProgress: v.optional(v.boolean()),
  logitBias: v.optional(
    v.pipe(
      v.record(v.pipe(v.string(), v.regex(/^\d{1,10}$/, 'token numbers')), v.pipe(v.number(), v.minValue(-100), v.maxValue(100))),
      v.check((bias) => Object.keys(bias).length <= 1000, 'at most 1000 tokens'),
    ),
  ),
};

export const requestSchemas = {
  modelId,
  load: v.object(loadOptionsEntries),
  chat: v.object({
    ...generation,
    messages: v.pipe(v.array(message), v.minLength(1, 'a chat needs a message'), v.maxLength(10_000, 'at most 10,000 messages')),
    tools: v.optional(
      v.pipe(
        v.array(v.object({ name, description: v.optional(v.pipe(v.string(), v.maxLength(64 * 1024))), parameters: v.optional(plainObject) })),
        v.maxLength(1024, 'at most 1024 tools'),
      ),
    ),
    toolChoice: v.optional(v.union([v.picklist(['auto', 'none', 'required']), v.object({ name })])),
    parallelToolCalls: v.optional(v.boolean()),
    templateVariables: v.optional(plainObject),
  }),
  completion: v.object({ ...generation, prompt: v.union([text, tokens]), suffix: v.optional(text) }),
  embedding: v.object({
    modelId: v.optional(modelId),
    input: v.pipe(v.array(text), v.minLength(1, 'at least one text'), v.maxLength(2048, 'at most 2048 texts')),
  }),
  rerank: v.object({
    modelId: v.optional(modelId),
    query: text,
    documents: v.pipe(v.array(text), v.minLength(1, 'at least one document'), v.maxLength(1000, 'at most 1000 documents')),
    topN: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1))),
  }),
  tokenize: v.object({ modelId: v.optional(modelId), text, special: v.optional(v.boolean()), addSpecial: v.optional(v.boolean()) }),
  detokenize: v.object({ modelId: v.optional(modelId), tokens }),
};

/** @throws JanError `invalid-argument` that names the field. @returns the value as it came: fields are not dropped */
export function checkInput<T>(schema: v.GenericSchema, value: T): T {
  const result = v.safeParse(schema, value, { abortEarly: true });
  if (!result.success) {
    const [issue] = result.issues;
    const field = v.getDotPath(issue);
    throw new JanError('invalid-argument', `${field === null ? 'The request' : `“${field}”`} is not valid: ${issue.message}.`, {
      details: field === null ? {} : { field },
    });
  }
  return value;
}
