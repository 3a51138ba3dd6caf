// The messages of a conversation as the tree they form: active branch, siblings, and where a switch leads.
// Must not know: the store, the view, VS Code.

import type { Message } from '../../api/jan';
import type { BranchItem } from '../../protocol/chatProtocol';

export class MessageTree {
  readonly #byId = new Map<string, Message>();
  readonly #children = new Map<string | null, Message[]>();

  constructor(messages: readonly Message[]) {
    for (const message of messages) {
      this.#byId.set(message.id, message);
    }
    for (const message of messages) {
      const siblings = this.#children.get(message.parentId);
      if (siblings === undefined) {
        this.#children.set(message.parentId, [message]);
      } else {
        siblings.push(message);
      }
    }
    for (const siblings of this.#children.values()) {
      siblings.sort((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1));
    }
  }

  get(id: string): Message | undefined {
    return this.#byId.get(id);
  }

  /** Root to `endId`; `[]` when it is unknown. A damaged chain (cycle, lost parent) is cut, never followed forever. */
  pathTo(endId: string | null | undefined): Message[] {
    const path: Message[] = [];
    const seen = new Set<string>();
    for (let id = endId ?? null; id !== null && !seen.has(id); ) {
      const message = this.#byId.get(id);
      if (message === undefined) {
        break;
      }
      seen.add(id);
      path.push(message);
      id = message.parentId;
    }
    return path.reverse();
  }

  /** The newest leaf below (or at) a message: where a switch to its branch ends. */
  leafBelow(id: string): string {
    let end = id;
    const seen = new Set<string>();
    for (;;) {
      seen.add(end);
      const next = this.#children.get(end)?.at(-1);
      if (next === undefined || seen.has(next.id)) {
        return end;
      }
      end = next.id;
    }
  }

  /** The end of the branch to show when the conversation names none. */
  newestLeaf(): string | null {
    const root = this.#children.get(null)?.at(-1);
    return root === undefined ? null : this.leafBelow(root.id);
  }

  /** `null` when there is nothing to switch to. Attempts that failed without a word are not worth a place. */
  branchOf(message: Message): BranchItem | null {
    const siblings = (this.#children.get(message.parentId) ?? []).filter(
      (one) => one.role === message.role && (one.id === message.id || one.status !== 'failed' || one.content !== ''),
    );
    if (siblings.length < 2) {
      return null;
    }
    const index = siblings.findIndex((one) => one.id === message.id);
    return {
      index: index + 1,
      count: siblings.length,
      previousId: siblings[index - 1]?.id ?? null,
      nextId: siblings[index + 1]?.id ?? null,
    };
  }
}
