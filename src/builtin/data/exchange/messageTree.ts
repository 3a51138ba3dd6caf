// Puts the messages of a foreign file in order: parents before children, loops cut, lost parents and double ids kept,
// empty nodes taken out with their children moved up. Nothing that has text is lost.
// Must not know: any format, the store.

import type { Pacer } from './pacer';

export interface TreeNode<M> {
  readonly id: string;
  /** Id of the message it follows; undefined for a first one. */
  readonly parentId: string | undefined;
  /** Undefined: only a link between others. */
  readonly message: M | undefined;
}

/** `origin`: the node's id. */
export type Placed<M> = M & { parent: number | null; origin: string };

export interface Tree<M> {
  /** Parents before children; the order of the input wherever it allows that. */
  readonly messages: Placed<M>[];
  /** Where the message with this id went, or the nearest one above it that was kept. */
  indexOf(id: string): number | undefined;
  readonly loops: number;
  readonly lostParents: number;
  readonly doubleIds: number;
}

export async function arrangeTree<M extends object>(nodes: readonly TreeNode<M>[], pacer: Pacer): Promise<Tree<M>> {
  const byId = new Map<string, number>();
  let doubleIds = 0;
  for (let i = 0; i < nodes.length; i++) {
    if (byId.has(nodes[i]!.id)) {
      doubleIds++; // Its text stays; the id means the first one.
    } else {
      byId.set(nodes[i]!.id, i);
    }
    if (pacer.due) {
      await pacer.pause();
    }
  }
  const parents = new Int32Array(nodes.length).fill(-1);
  const children: (number[] | undefined)[] = new Array<number[] | undefined>(nodes.length);
  const roots: number[] = [];
  let lostParents = 0;
  let inOrder = true;
  for (let i = 0; i < nodes.length; i++) {
    const { parentId } = nodes[i]!;
    const parent = parentId === undefined ? undefined : byId.get(parentId);
    if (parentId !== undefined && parent === undefined) {
      lostParents++;
    }
    if (parent === undefined) {
      roots.push(i);
    } else {
      parents[i] = parent;
      (children[parent] ??= []).push(i);
      inOrder &&= parent < i;
    }
    if (pacer.due) {
      await pacer.pause();
    }
  }
  let loops = 0;
  let order: number[];
  if (inOrder) {
    order = nodes.map((_, i) => i);
  } else {
    order = [];
    const seen = new Uint8Array(nodes.length);
    const walk = async (root: number): Promise<void> => {
      const pending = [root];
      while (pending.length > 0) {
        const i = pending.pop()!;
        if (seen[i]) {
          continue;
        }
        seen[i] = 1;
        order.push(i);
        const below = children[i] ?? [];
        for (let c = below.length - 1; c >= 0; c--) {
          pending.push(below[c]!);
        }
        if (pacer.due) {
          await pacer.pause();
        }
      }
    };
    for (const root of roots) {
      await walk(root);
    }
    for (let i = 0; i < nodes.length; i++) {
      if (!seen[i]) {
        // Every node that is left is in a loop or below one: go up to the loop, and cut it there.
        let top = i;
        const passed = new Set<number>();
        while (!passed.has(top)) {
          passed.add(top);
          top = parents[top]!;
          if (pacer.due) {
            await pacer.pause();
          }
        }
        // Of the loop's members the first of the file becomes a first message.
        let first = top;
        for (let member = parents[top]!; member !== top; member = parents[member]!) {
          first = Math.min(first, member);
        }
        loops++;
        parents[first] = -1;
        await walk(first);
      }
    }
  }
  const messages: Placed<M>[] = [];
  /** Index in `messages` of a node, or of the nearest kept one above it. */
  const places = new Int32Array(nodes.length).fill(-1);
  for (const i of order) {
    const above = parents[i]! < 0 ? -1 : places[parents[i]!]!;
    const { message } = nodes[i]!;
    if (message === undefined) {
      places[i] = above;
    } else {
      places[i] = messages.length;
      messages.push({ ...message, parent: above < 0 ? null : above, origin: nodes[i]!.id });
    }
    if (pacer.due) {
      await pacer.pause();
    }
  }
  return {
    messages,
    indexOf: (id) => {
      const place = byId.get(id);
      return place === undefined || places[place]! < 0 ? undefined : places[place];
    },
    loops,
    lostParents,
    doubleIds,
  };
}
