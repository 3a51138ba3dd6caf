// What callers may hand to the Data service. Callers are other extensions, the web view, HTTP: hostile until checked.
// Must not know: the store.

import * as v from 'valibot';
import { janErrorCodes, JanError } from '../../common/errors';
import { maxNameLength, maxSystemPromptLength, maxTextLength, modelSchema } from './operations';

const text = (limit: number) =>
  v.pipe(v.string(), v.maxLength(limit, (issue) => `at most ${limit} characters, not ${issue.input.length}`));
const id = v.pipe(v.string(), v.minLength(1), v.maxLength(500));
const modelId = text(500);
const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const duration = v.pipe(v.number(), v.finite(), v.minValue(0));
const moment = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const content = text(maxTextLength);

const messageFields = {
  status: v.optional(v.picklist(['streaming', 'complete', 'stopped', 'failed', 'interrupted'])),
  error: v.optional(v.object({ code: v.picklist(janErrorCodes), message: text(10_000) })),
  modelId: v.optional(modelId),
  usage: v.optional(v.object({ promptTokens: count, completionTokens: count, cachedTokens: v.optional(count) })),
  timings: v.optional(
    v.object({
      firstTokenMs: v.optional(duration),
      totalMs: v.optional(duration),
      tokensPerSecond: v.optional(duration),
    }),
  ),
};

const conversationFields = {
  name: v.optional(text(maxNameLength)),
  modelId: v.optional(modelId),
  systemPrompt: v.optional(text(maxSystemPromptLength)),
};

export const inputSchema = {
  id,
  time: v.optional(moment),
  conversationQuery: v.optional(
    v.object({
      limit: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(500))),
      after: v.optional(v.object({ updatedAt: v.pipe(v.number(), v.finite()), id })),
    }),
    {},
  ),
  newConversation: v.optional(v.object(conversationFields), {}),
  conversationChange: v.object({ id, ...conversationFields, activeMessageId: v.optional(id) }),
  messageQuery: v.optional(v.object({ branch: v.optional(v.picklist(['active', 'all'])) }), {}),
  newMessage: v.object({
    conversationId: id,
    role: v.picklist(['system', 'user', 'assistant']),
    content,
    parentId: v.optional(v.nullable(id)),
    reasoning: v.optional(content),
    ...messageFields,
  }),
  messageChange: v.pipe(
    v.object({
      id,
      content: v.optional(content),
      append: v.optional(content),
      appendReasoning: v.optional(content),
      ...messageFields,
    }),
    v.check((change) => change.content === undefined || change.append === undefined, 'content or append, not both'),
  ),
  model: modelSchema,
} as const;

/** @throws JanError `invalid-argument` that names the argument, the field and what is wrong with it. */
export function checkInput<S extends v.GenericSchema>(schema: S, value: unknown, argument: string): v.InferOutput<S> {
  const checked = v.safeParse(schema, value, { abortEarly: true });
  if (checked.success) {
    return checked.output;
  }
  const issue = checked.issues[0];
  const field = v.getDotPath(issue);
  const place = field === null ? argument : `${argument}.${field}`;
  throw new JanError('invalid-argument', `${place} is not valid: ${issue.message}. Correct it and call again.`, {
    details: { argument, field: field ?? undefined },
  });
}
