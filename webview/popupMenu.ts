// <jan-menu>: a menu at a point of the page, worked by pointer or keyboard; one at a time.
// Must not know: what its entries do.

import { html, LitElement, nothing, type TemplateResult } from 'lit';
import { icon } from './kit';

export interface MenuEntry {
  readonly label: string;
  readonly icon: string;
  readonly run: () => void;
  /** A line above it. */
  readonly isApart?: boolean;
}

export class PopupMenu extends LitElement {
  static override properties = { entries: { attribute: false }, label: { attribute: false } };

  declare entries: readonly MenuEntry[];
  declare label: string;
  #opener: HTMLElement | null = null;

  constructor() {
    super();
    this.entries = [];
    this.label = '';
  }

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  /** Opens at a point (px of the page), moved so that it is wholly in sight. `opener` has the focus back at the end. */
  static open(entries: readonly MenuEntry[], label: string, at: { readonly x: number; readonly y: number }, opener: HTMLElement | null): void {
    document.querySelectorAll<PopupMenu>('jan-menu').forEach((menu) => menu.close(false));
    const menu = new PopupMenu();
    menu.entries = entries;
    menu.label = label;
    menu.#opener = opener;
    // Beside the list, not in it: it would be cut off at the list's edge.
    (opener?.closest('.menu-host') ?? document.body).append(menu);
    void menu.updateComplete.then(() => menu.#place(at));
  }

  close(hasFocusBack = true): void {
    if (this.isConnected) {
      this.remove();
      if (hasFocusBack && this.#opener?.isConnected === true) {
        this.#opener.focus();
      }
    }
  }

  override connectedCallback(): void {
    super.connectedCallback();
    document.addEventListener('pointerdown', this.#onOutside, true);
    window.addEventListener('blur', this.#onLeave);
    window.addEventListener('resize', this.#onLeave);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    document.removeEventListener('pointerdown', this.#onOutside, true);
    window.removeEventListener('blur', this.#onLeave);
    window.removeEventListener('resize', this.#onLeave);
  }

  protected override render(): TemplateResult {
    return html`<div class="menu" role="menu" aria-label=${this.label} @keydown=${(event: KeyboardEvent) => this.#onKey(event)}>
      ${this.entries.map(
        (entry) =>
          html`${entry.isApart === true ? html`<div class="menu-line" role="separator"></div>` : nothing}
            <button type="button" role="menuitem" class="menu-item" tabindex="-1" @click=${() => this.#run(entry)}>
              ${icon(entry.icon)}<span>${entry.label}</span>
            </button>`,
      )}
    </div>`;
  }

  #place({ x, y }: { readonly x: number; readonly y: number }): void {
    const { width, height } = this.getBoundingClientRect();
    const margin = 4;
    this.style.left = `${Math.max(margin, Math.min(x, window.innerWidth - width - margin))}px`;
    this.style.top = `${Math.max(margin, Math.min(y, window.innerHeight - height - margin))}px`;
    this.#items()[0]?.focus();
  }

  #run(entry: MenuEntry): void {
    // The focus goes back first: what runs may move it on.
    this.close();
    entry.run();
  }

  #onKey(event: KeyboardEvent): void {
    const items = this.#items();
    const index = items.indexOf(document.activeElement as HTMLElement);
    const to: Readonly<Record<string, number>> = {
      ArrowDown: (index + 1) % items.length,
      ArrowUp: (index - 1 + items.length) % items.length,
      Home: 0,
      End: items.length - 1,
    };
    const next = to[event.key];
    if (next !== undefined) {
      event.preventDefault();
      items[next]?.focus();
    } else if (event.key === 'Escape' || event.key === 'Tab') {
      event.preventDefault();
      this.close();
    }
    // The list behind it listens to the same keys.
    event.stopPropagation();
  }

  readonly #onOutside = (event: Event): void => {
    if (!(event.target instanceof Node && this.contains(event.target))) {
      this.close(false);
    }
  };

  readonly #onLeave = (): void => this.close(false);

  #items(): HTMLElement[] {
    return [...this.querySelectorAll<HTMLElement>('.menu-item')];
  }
}

customElements.define('jan-menu', PopupMenu);
