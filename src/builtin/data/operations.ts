// What the journal's records mean: one kind and one payload shape per operation. Payloads hold bound values only, so
// that applying a record twice anywhere gives the same state.
// Must not know: files, SQLite, how a payload is framed.

import * as v from 'valibot';

/** The kind byte of a record. Numbers are never reused. */
export const recordKind = {
  /** First record of a journal. */
  begin: 1,
  /** Ends a generation: records behind it do not count (their writers append them to the next journal). */
  seal: 2,
  /** Follows a torn tail, so that every reader knows the torn record to be finished. */
  mend: 3,
  createConversation: 16,
  updateConversation: 17,
  deleteConversation: 18,
  restoreConversation: 19,
  purgeConversation: 20,
  forkConversation: 21,
  importConversation: 22,
  createMessage: 32,
  updateMessage: 33,
  interruptMessage: 34,
  storeModel: 48,
  finishModel: 49,
  deleteModel: 50,
} as const;

/** Characters (UTF-16 units) of a message's text, and of its reasoning. */
export const maxTextLength = 16 * 1024 * 1024;
export const maxNameLength = 500;
export const maxSystemPromptLength = 1024 * 1024;

const id = v.pipe(v.string(), v.minLength(1), v.maxLength(500));
const time = v.pipe(v.number(), v.safeInteger());
const text = v.pipe(v.string(), v.maxLength(maxTextLength));
const status = v.picklist(['streaming', 'complete', 'stopped', 'failed', 'interrupted']);
const role = v.picklist(['system', 'user', 'assistant']);
const plainObject = v.record(v.string(), v.unknown());

/** Who is writing a message now: enough to tell later whether that process still lives. */
const writer = v.object({
  /** Random, per opened store. */
  session: v.string(),
  pid: v.number(),
  /** When the process started: field 22 of /proc/<pid>/stat; empty where there is none. */
  start: v.string(),
  /** Which boot of the machine; empty where unknown. */
  boot: v.string(),
  /** Which pid namespace; empty where unknown. */
  space: v.string(),
  host: v.string(),
});
export type Writer = v.InferOutput<typeof writer>;

/** What a message refers to; its bytes lie in a file of this name. */
const attachment = v.object({
  id: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
  name: v.string(),
  mediaType: v.string(),
  size: time,
  range: v.optional(v.object({ startLine: time, endLine: time })),
});
const attachments = v.optional(v.array(attachment));

/** Of a conversation, since version 2. */
const organisation = {
  pinned: v.optional(v.boolean()),
  archived: v.optional(v.boolean()),
  tags: v.optional(v.array(v.string())),
  workspace: v.optional(v.string()),
  settings: v.optional(plainObject),
};

const optionalText = v.optional(v.string());
const size = v.optional(v.pipe(v.number(), v.finite(), v.minValue(0)));
/** −1: never. */
const moment = v.optional(v.pipe(v.number(), v.safeInteger(), v.minValue(-1)));

/** A model's description; letters, digits, `.`, `_`, `-`, `/` in its id. */
export const modelSchema = v.object({
  id: v.pipe(v.string(), v.minLength(1), v.maxLength(500), v.regex(/^[\w.\-/]+$/)),
  name: v.pipe(v.string(), v.maxLength(500)),
  backendId: v.pipe(v.string(), v.regex(/^[\w.-]{1,100}$/)),
  source: v.picklist(['starter', 'huggingface', 'file', 'backend']),
  path: optionalText,
  url: optionalText,
  repository: optionalText,
  fileName: optionalText,
  size,
  sha256: optionalText,
  architecture: optionalText,
  quantization: optionalText,
  parameters: size,
  contextLength: size,
  author: optionalText,
  license: optionalText,
  description: optionalText,
  startDownloadAt: moment,
  finishDownloadAt: moment,
});

export const operationSchema = {
  begin: v.object({ generation: v.number(), seal: v.string() }),
  seal: v.object({ generation: v.number() }),
  createConversation: v.object({
    id,
    name: v.string(),
    modelId: v.optional(v.string()),
    systemPrompt: v.optional(v.string()),
    ...organisation,
    at: time,
  }),
  updateConversation: v.object({
    id,
    name: v.optional(v.string()),
    modelId: v.optional(v.string()),
    systemPrompt: v.optional(v.string()),
    activeMessageId: v.optional(id),
    ...organisation,
    at: time,
  }),
  /** `keep` (version 2): it can be restored. */
  deleteConversation: v.object({ id, keep: v.optional(v.literal(true)), at: time }),
  restoreConversation: v.object({ id, at: time }),
  purgeConversation: v.object({ id, at: time }),
  /** `ids` of the copies, of `messageId` and its ancestors, the first message first. */
  forkConversation: v.object({ id, from: id, messageId: id, ids: v.array(id), at: time }),
  /** A whole conversation or a part of it. */
  importConversation: v.object({
    conversation: v.object({
      id,
      name: v.string(),
      modelId: v.optional(v.string()),
      systemPrompt: v.optional(v.string()),
      ...organisation,
      forkedFrom: v.optional(v.object({ conversationId: id, messageId: id })),
      /** With the last part. */
      activeMessageId: v.optional(id),
      createdAt: time,
      updatedAt: time,
    }),
    messages: v.array(
      v.object({
        id,
        parentId: v.nullable(id),
        role,
        content: text,
        reasoning: v.optional(text),
        status,
        error: v.optional(plainObject),
        modelId: v.optional(v.string()),
        usage: v.optional(plainObject),
        timings: v.optional(plainObject),
        attachments,
        createdAt: time,
        updatedAt: time,
      }),
    ),
    at: time,
  }),
  createMessage: v.object({
    id,
    conversationId: id,
    /** Absent: the end of the active branch at this place of the journal. */
    parentId: v.optional(v.nullable(id)),
    role,
    content: text,
    reasoning: v.optional(text),
    status,
    error: v.optional(plainObject),
    modelId: v.optional(v.string()),
    usage: v.optional(plainObject),
    timings: v.optional(plainObject),
    writer: v.optional(writer),
    attachments,
    at: time,
  }),
  updateMessage: v.object({
    id,
    content: v.optional(text),
    append: v.optional(text),
    appendReasoning: v.optional(text),
    status: v.optional(status),
    error: v.optional(plainObject),
    modelId: v.optional(v.string()),
    usage: v.optional(plainObject),
    timings: v.optional(plainObject),
    writer: v.optional(writer),
    at: time,
  }),
  /** Only when the message is still being written by `session`. */
  interruptMessage: v.object({ id, session: v.string(), at: time }),
  storeModel: v.object({ model: modelSchema, at: time }),
  finishModel: v.object({ id, finishedAt: time, at: time }),
  deleteModel: v.object({ id, at: time }),
} as const;

export type OperationName = Exclude<keyof typeof operationSchema, 'begin' | 'seal'>;
export type Payload<N extends keyof typeof operationSchema> = v.InferOutput<(typeof operationSchema)[N]>;

const nameOfKind = new Map<number, keyof typeof recordKind>(
  (Object.keys(recordKind) as (keyof typeof recordKind)[]).map((name) => [recordKind[name], name]),
);

/** The name of a kind this version knows. */
export function operationOfKind(kind: number): keyof typeof recordKind | undefined {
  return nameOfKind.get(kind);
}

const sinceVersion2 = {
  kinds: new Set<number>([
    recordKind.restoreConversation,
    recordKind.purgeConversation,
    recordKind.forkConversation,
    recordKind.importConversation,
  ]),
  fields: [...Object.keys(organisation), 'keep', 'attachments'],
} as const;

/** The version of a record: 1 unless it needs more, so that windows with an older version go on as long as they can. */
export function payloadVersion(kind: number, payload: object): number {
  const newer =
    sinceVersion2.kinds.has(kind) ||
    sinceVersion2.fields.some((field) => (payload as Record<string, unknown>)[field] !== undefined);
  return newer ? 2 : 1;
}

/** The payload of a record, or undefined when it is not of its kind's shape (a file is hostile until checked). */
export function decodePayload<N extends keyof typeof operationSchema>(
  name: N,
  bytes: Uint8Array,
): Payload<N> | undefined {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8'));
  } catch {
    return undefined;
  }
  const parsed = v.safeParse(operationSchema[name], value);
  return parsed.success ? (parsed.output) : undefined;
}

export function encodePayload(payload: object): Uint8Array {
  return Buffer.from(JSON.stringify(payload), 'utf8');
}
