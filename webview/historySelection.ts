// Several conversations at once: which are selected, and the bar that says what can be done with them.
// Must not know: the list, what is done.

import { html, type TemplateResult } from 'lit';
import { fill } from './format';
import { iconButton } from './kit';
import { strings } from './strings';

/** Never changes: each step gives a new one. */
export class Selection {
  constructor(
    private readonly selected: ReadonlySet<string> = new Set(),
    /** Where a range begins. */
    private readonly anchor?: string,
  ) {}

  static of(ids: readonly string[]): Selection {
    return new Selection(new Set(ids));
  }

  get ids(): string[] {
    return [...this.selected];
  }

  has(id: string): boolean {
    return this.selected.has(id);
  }

  /** @param order with it, everything from the last one that was clicked to this one is selected */
  toggle(id: string, order?: readonly string[]): Selection {
    const selected = new Set(this.selected);
    const from = order?.indexOf(this.anchor ?? '') ?? -1;
    const to = order?.indexOf(id) ?? -1;
    if (order !== undefined && from >= 0 && to >= 0) {
      order.slice(Math.min(from, to), Math.max(from, to) + 1).forEach((one) => selected.add(one));
    } else if (!selected.delete(id)) {
      selected.add(id);
    }
    return new Selection(selected, id);
  }

  /** Without those that are not there any more. */
  within(ids: readonly string[]): Selection {
    const there = new Set(ids);
    return new Selection(new Set(this.ids.filter((id) => there.has(id))), this.anchor);
  }
}

export function selectionBar(options: {
  readonly selection: Selection;
  /** The list is the archive's. */
  readonly isArchive: boolean;
  readonly onAll: () => void;
  readonly onArchive: (ids: string[]) => void;
  readonly onExport: (ids: string[]) => void;
  readonly onDelete: (ids: string[]) => void;
  readonly onEnd: () => void;
}): TemplateResult {
  const { ids } = options.selection;
  const isDisabled = ids.length === 0;
  const onIds = (act: (ids: string[]) => void) => (): void => act(ids);
  return html`<div class="selection" role="toolbar" aria-label=${strings().select}>
    <span class="selection-count" role="status">${fill(strings().selected, ids.length)}</span>
    ${iconButton({ icon: 'check-all', label: strings().selectAll, onClick: options.onAll })}
    ${iconButton({
      icon: 'archive',
      label: options.isArchive ? strings().unarchive : strings().archive,
      isDisabled,
      onClick: onIds(options.onArchive),
    })}
    ${iconButton({ icon: 'export', label: strings().export, isDisabled, onClick: onIds(options.onExport) })}
    ${iconButton({ icon: 'trash', label: strings().delete, isDisabled, onClick: onIds(options.onDelete) })}
    ${iconButton({ icon: 'close', label: strings().clearSelection, onClick: options.onEnd })}
  </div>`;
}
