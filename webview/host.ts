// The one door to the extension: nothing else calls acquireVsCodeApi, posts or listens.
// Must not know: what the messages mean, what is drawn.

import type { ToHost, ToWebview } from '../src/protocol/chatProtocol';

interface VsCodeApi {
  postMessage(message: unknown): void;
  getState(): unknown;
  setState(state: unknown): void;
}

declare function acquireVsCodeApi(): VsCodeApi;

const api = acquireVsCodeApi();

export function postToHost(message: ToHost): void {
  api.postMessage(message);
}

export function onHostMessage(listener: (message: ToWebview) => void): void {
  window.addEventListener('message', ({ data }: MessageEvent<unknown>) => {
    if (isToWebview(data)) {
      listener(data);
    }
  });
}

/** What this page remembers for when it is drawn again: only how it looked, never content. */
export interface PageMemory {
  readonly conversationId: string | null;
  /** px from the end of the list to the top of what is in sight; absent: at the end. */
  readonly fromEnd?: number;
  /** A question that is being edited, as it stands. */
  readonly edit?: EditMemory;
}

export interface EditMemory {
  readonly messageId: string;
  readonly text: string;
}

export function loadPageMemory(): PageMemory | undefined {
  const state = api.getState();
  if (typeof state !== 'object' || state === null) {
    return undefined;
  }
  const { conversationId, fromEnd, edit } = state as Record<string, unknown>;
  const { messageId, text } = (edit ?? {}) as Record<string, unknown>;
  return {
    conversationId: typeof conversationId === 'string' ? conversationId : null,
    ...(typeof fromEnd === 'number' ? { fromEnd } : {}),
    ...(typeof messageId === 'string' && typeof text === 'string' ? { edit: { messageId, text } } : {}),
  };
}

export function savePageMemory(memory: Omit<PageMemory, 'edit'>): void {
  const edit = loadPageMemory()?.edit;
  api.setState({ ...memory, ...(edit === undefined ? {} : { edit }) });
}

/** @param edit undefined: nothing is edited any more */
export function keepEdit(edit: EditMemory | undefined): void {
  const { conversationId = null, fromEnd } = loadPageMemory() ?? {};
  api.setState({ conversationId, ...(fromEnd === undefined ? {} : { fromEnd }), ...(edit === undefined ? {} : { edit }) });
}

/** Frames and other extensions can post to a page too; what has not this shape is not ours. */
function isToWebview(data: unknown): data is ToWebview {
  if (typeof data !== 'object' || data === null) {
    return false;
  }
  const { type, sequence, state, changes } = data as Record<string, unknown>;
  switch (type) {
    case 'state':
      return typeof sequence === 'number' && typeof state === 'object' && state !== null;
    case 'delta':
      return typeof sequence === 'number' && Array.isArray(changes);
    default:
      return type === 'focusInput' || type === 'showHistory';
  }
}
