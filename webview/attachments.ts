// Attached files as chips, and files that are dropped or pasted onto the page.
// Must not know: what the host takes, what becomes of a file.

import { html, nothing, type TemplateResult } from 'lit';
import { maxAttachments, maxPageFile, type AttachmentItem } from '../src/protocol/chatProtocol';
import { fill } from './format';
import { postToHost } from './host';
import { icon, iconButton } from './kit';
import { strings } from './strings';

const icons: Readonly<Record<AttachmentItem['kind'], string>> = { text: 'file', image: 'file-media', other: 'file-binary' };

/** @param messageId null: of the message that is being written, whose files can be taken away again */
export function attachmentChips(items: readonly AttachmentItem[], messageId: string | null, onRemove?: (index: number) => void): TemplateResult | typeof nothing {
  if (items.length === 0) {
    return nothing;
  }
  return html`<ul class="attachments" aria-label=${strings().attachments}>
    ${items.map((item, index) => chip(item, () => postToHost({ type: 'openAttachment', messageId, index }), onRemove && ((): void => onRemove(index))))}
  </ul>`;
}

function chip(item: AttachmentItem, onOpen: () => void, onRemove?: () => void): TemplateResult {
  const lines = linesOf(item);
  const fileName = item.name.split('/').at(-1) ?? item.name;
  const label = [item.name, lines].filter(Boolean).join(', ');
  const hint = item.kind === 'image' ? `${label}\n${strings().imageHint}` : label;
  return html`<li class="chip">
    <button type="button" class="chip-open" title=${hint} aria-label=${fill(strings().openAttachment, label)} @click=${onOpen}>
      ${icon(item.range === null ? icons[item.kind] : 'list-selection')}<span class="chip-name">${fileName}</span>
      ${lines === '' ? nothing : html`<span class="chip-lines">${lines}</span>`}
    </button>
    ${onRemove === undefined ? nothing : iconButton({ icon: 'close', label: fill(strings().removeAttachment, label), onClick: onRemove })}
  </li>`;
}

function linesOf({ range }: AttachmentItem): string {
  if (range === null) {
    return '';
  }
  return range.startLine === range.endLine ? fill(strings().attachmentLine, range.startLine) : fill(strings().attachmentLines, range.startLine, range.endLine);
}

/** Files can be dropped anywhere on the page; without this the browser would open them in its place. */
export function watchFileDrops({ onOver, onDrop }: { readonly onOver: (isOver: boolean) => void; readonly onDrop: (data: DataTransfer) => void }): void {
  document.addEventListener('dragover', (event) => {
    if (holdsFiles(event.dataTransfer)) {
      event.preventDefault();
      event.dataTransfer!.dropEffect = 'copy';
      onOver(true);
    }
  });
  document.addEventListener('dragleave', (event) => {
    if (event.relatedTarget === null) {
      onOver(false);
    }
  });
  document.addEventListener('drop', (event) => {
    onOver(false);
    if (holdsFiles(event.dataTransfer)) {
      event.preventDefault();
      onDrop(event.dataTransfer!);
    }
  });
}

function holdsFiles(data: DataTransfer | null): boolean {
  return data?.types.some((type) => type === 'Files' || type === uriList || type === 'text/uri-list') === true;
}

/** VS Code's own, with every file; a browser's list may hold only the first. */
const uriList = 'application/vnd.code.uri-list';

/** Sends the files to the host: by their bytes when they come from elsewhere, by address when VS Code's own are dragged. */
export async function attachFrom(data: DataTransfer, conversationId: string | null): Promise<void> {
  const uris = urisOf(data);
  if (uris.length > 0) {
    postToHost({ type: 'attachUris', conversationId, uris });
    return;
  }
  const chosen = [...data.files].slice(0, maxAttachments);
  const files = await Promise.all(
    chosen.map(async (file) => ({ name: file.name || 'image', bytes: await bytesOf(file) })),
  );
  if (files.length > 0) {
    postToHost({ type: 'attachFiles', conversationId, files });
  }
}

/** One byte too many tells the host as well as all of them that a file is too large; of a folder there are none. */
async function bytesOf(file: File): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return new Uint8Array(await file.slice(0, maxPageFile + 1).arrayBuffer());
  } catch {
    return new Uint8Array();
  }
}

function urisOf(data: DataTransfer): string[] {
  const list = data.getData(uriList) || (data.files.length > 0 ? '' : data.getData('text/uri-list'));
  const lines = list.split(/\r?\n/).filter((line) => line !== '' && !line.startsWith('#'));
  return lines.filter((line) => line.length <= 8192).slice(0, maxAttachments);
}
