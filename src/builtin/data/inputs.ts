// What callers may hand to the Data service. Callers are other extensions, the web view, HTTP: hostile until checked.
// Must not know: the store.

import * as v from 'valibot';
import { janErrorCodes, JanError } from '../../common/errors';
import { maxAttachmentSize } from './attachmentFiles';
import { conversationSettingsSchema } from '../settingsSchema';
import { maxNameLength, maxSystemPromptLength, maxTextLength, modelSchema } from './operations';

const text = (limit: number) =>
  v.pipe(v.string(), v.maxLength(limit, (issue) => `at most ${limit} characters, not ${issue.input.length}`));
const id = v.pipe(v.string(), v.minLength(1), v.maxLength(500));
const modelId = text(500);
const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const duration = v.pipe(v.number(), v.finite(), v.minValue(0));
const moment = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const content = text(maxTextLength);

const status = v.picklist(['streaming', 'complete', 'stopped', 'failed', 'interrupted']);
const role = v.picklist(['system', 'user', 'assistant']);

const messageFields = {
  status: v.optional(status),
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

/** Visible text: no control characters, no halves of characters. */
const label = (limit: number) => v.pipe(text(limit), v.minLength(1), v.regex(/^[^\p{Cc}\p{Cs}]+$/u, 'no control characters'));
const tag = label(100);
const workspace = text(4000);

const conversationFields = {
  name: v.optional(text(maxNameLength)),
  modelId: v.optional(modelId),
  systemPrompt: v.optional(text(maxSystemPromptLength)),
  pinned: v.optional(v.boolean()),
  archived: v.optional(v.boolean()),
  tags: v.optional(
    v.pipe(
      v.array(tag),
      v.maxLength(50, 'at most 50 tags'),
      v.transform((tags) => [...new Set(tags)]),
    ),
  ),
  workspace: v.optional(workspace),
  settings: v.optional(conversationSettingsSchema),
};

const lineNumber = v.pipe(v.number(), v.safeInteger(), v.minValue(1));
const attachmentInfo = {
  name: label(1000),
  mediaType: v.pipe(text(200), v.regex(/^[\w!#$&^.+-]+\/[\w!#$&^.+-]+(;[\x20-\x7e]*)?$/, 'a media type such as text/plain')),
  range: v.optional(
    v.pipe(
      v.object({ startLine: lineNumber, endLine: lineNumber }),
      v.check(({ startLine, endLine }) => startLine <= endLine, 'a range ends where it starts or later'),
    ),
  ),
};
const attachmentId = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, '64 lower-case hexadecimal digits'));
const attachments = v.optional(
  v.pipe(
    v.array(
      v.object({
        ...attachmentInfo,
        id: attachmentId,
        size: v.pipe(v.number(), v.safeInteger(), v.minValue(0), v.maxValue(maxAttachmentSize)),
      }),
    ),
    v.maxLength(100, 'at most 100 attachments'),
  ),
);

const path = v.pipe(text(4000), v.minLength(1), v.regex(/^[^\0]+$/, 'no NUL'));
const manyIds = v.pipe(v.array(id), v.maxLength(100_000, 'at most 100,000 ids'));

/** What an export holds; `null` has no place there but in `parentId`. */
const importedConversation = v.object({
  ...conversationFields,
  id,
  name: text(maxNameLength),
  activeMessageId: v.optional(id),
  forkedFrom: v.optional(v.object({ conversationId: id, messageId: id })),
  createdAt: moment,
  updatedAt: moment,
});
const importedMessage = v.object({
  ...messageFields,
  id,
  conversationId: id,
  parentId: v.nullable(id),
  role,
  content,
  reasoning: v.optional(content),
  status,
  attachments,
  createdAt: moment,
  updatedAt: moment,
});

export const inputSchema = {
  id,
  time: v.optional(moment),
  conversationQuery: v.optional(
    v.object({
      limit: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(500))),
      after: v.optional(v.object({ updatedAt: v.pipe(v.number(), v.finite()), id, pinned: v.optional(v.boolean()) })),
      pinnedFirst: v.optional(v.boolean()),
      workspace: v.optional(v.nullable(workspace)),
      archived: v.optional(v.boolean()),
      pinned: v.optional(v.boolean()),
      tag: v.optional(tag),
      ids: v.optional(v.pipe(v.array(id), v.maxLength(500, 'at most 500 ids'))),
    }),
    {},
  ),
  newConversation: v.optional(v.object(conversationFields), {}),
  conversationChange: v.object({ id, ...conversationFields, activeMessageId: v.optional(id) }),
  messageQuery: v.optional(v.object({ branch: v.optional(v.picklist(['active', 'all'])) }), {}),
  newMessage: v.object({
    conversationId: id,
    role,
    content,
    parentId: v.optional(v.nullable(id)),
    reasoning: v.optional(content),
    attachments,
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
  ids: v.pipe(v.array(id), v.minLength(1), v.maxLength(1000, 'at most 1000 ids')),
  conversationImport: v.object({
    conversation: importedConversation,
    messages: v.pipe(v.array(importedMessage), v.maxLength(100_000, 'at most 100,000 messages')),
  }),
  purgeQuery: v.object({
    olderThan: moment,
    deletedOnly: v.optional(v.boolean()),
    pinned: v.optional(v.boolean()),
    dryRun: v.optional(v.boolean()),
  }),
  exportRequest: v.object({
    format: v.picklist(['json', 'markdown']),
    path,
    into: v.optional(v.picklist(['file', 'folder'])),
    conversationIds: v.optional(manyIds),
    branches: v.optional(v.picklist(['active', 'all'])),
    attachments: v.optional(v.boolean()),
  }),
  paths: v.pipe(v.array(path), v.minLength(1), v.maxLength(1000, 'at most 1000 paths')),
  changedChoice: v.optional(v.picklist(['copy', 'merge', 'skip'])),
  manyIds,
  searchQuery: v.object({
    text: text(1000),
    from: v.optional(v.pipe(v.number(), v.finite())),
    to: v.optional(v.pipe(v.number(), v.finite())),
    modelId: v.optional(modelId),
    role: v.optional(role),
    workspace: v.optional(v.nullable(workspace)),
    archived: v.optional(v.boolean()),
    tag: v.optional(tag),
    conversationId: v.optional(id),
    limit: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(200))),
    offset: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(500))),
  }),
  bytes: v.pipe(
    v.instance(Uint8Array, 'not a Uint8Array'),
    v.check((bytes) => bytes.length <= maxAttachmentSize, 'at most 64 MiB'),
  ),
  attachmentInfo: v.object(attachmentInfo),
  attachmentId,
  path,
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
