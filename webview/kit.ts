// The one file that knows the component toolkit (archived, hence replaceable here): registers what is used and
// offers it as templates. It must be in the page's first deferred script: its theme listener waits for `load`.
// Must not know: the chat.

import {
  provideVSCodeDesignSystem,
  vsCodeButton,
  vsCodeProgressRing,
  vsCodeTextField,
} from '@vscode/webview-ui-toolkit';
import { html, nothing, type TemplateResult } from 'lit';

provideVSCodeDesignSystem().register(vsCodeButton(), vsCodeProgressRing(), vsCodeTextField());

export function button(options: {
  readonly label: string;
  readonly onClick: () => void;
  readonly appearance?: 'primary' | 'secondary';
  readonly className?: string;
  readonly isDisabled?: boolean;
}): TemplateResult {
  return html`<vscode-button
    class=${options.className ?? nothing}
    ?disabled=${options.isDisabled ?? false}
    appearance=${options.appearance ?? 'primary'}
    @click=${options.onClick}
    >${options.label}</vscode-button
  >`;
}

export function textField(options: {
  readonly label: string;
  readonly value: string;
  readonly placeholder?: string | undefined;
  readonly className?: string;
  readonly onInput?: (value: string) => void;
  readonly onKeyDown?: (event: KeyboardEvent, value: string) => void;
  readonly onBlur?: (value: string) => void;
}): TemplateResult {
  const valueOf = (event: Event): string => (event.currentTarget as HTMLInputElement).value;
  return html`<vscode-text-field
    class=${options.className ?? nothing}
    aria-label=${options.label}
    placeholder=${options.placeholder ?? nothing}
    .value=${options.value}
    @input=${(event: Event) => options.onInput?.(valueOf(event))}
    @keydown=${(event: KeyboardEvent) => options.onKeyDown?.(event, valueOf(event))}
    @blur=${(event: Event) => options.onBlur?.(valueOf(event))}
  ></vscode-text-field>`;
}

/** A native box: VS Code's own look comes from the page's styles. @param choices value and label each */
export function select(options: {
  readonly label: string;
  readonly value: string;
  readonly choices: readonly (readonly [string, string])[];
  readonly onChange: (value: string) => void;
}): TemplateResult {
  return html`<select
    class="select"
    aria-label=${options.label}
    title=${options.label}
    @change=${(event: Event) => options.onChange((event.currentTarget as HTMLSelectElement).value)}
  >
    ${options.choices.map(([value, label]) => html`<option value=${value} ?selected=${value === options.value}>${label}</option>`)}
  </select>`;
}

/** A native field for a day. @param value `2026-01-31`, or null for none */
export function dayField(options: { readonly label: string; readonly value: string | null; readonly onChange: (value: string | null) => void }): TemplateResult {
  return html`<label class="day"
    ><span>${options.label}</span
    ><input
      type="date"
      class="select"
      .value=${options.value ?? ''}
      @change=${(event: Event) => options.onChange((event.currentTarget as HTMLInputElement).value || null)}
    /></label>`;
}

export function progressRing(label: string): TemplateResult {
  return html`<vscode-progress-ring class="ring" aria-label=${label}></vscode-progress-ring>`;
}

/** A codicon in a native button: dozens are on the page, and the toolkit's are heavy. */
export function iconButton(options: {
  readonly icon: string;
  readonly label: string;
  readonly onClick: (event: Event) => void;
  readonly className?: string;
  readonly isDisabled?: boolean;
  readonly isExpanded?: boolean;
  /** Of a switch. */
  readonly isPressed?: boolean;
}): TemplateResult {
  return html`<button
    type="button"
    class="icon-button ${options.className ?? ''}"
    title=${options.label}
    aria-label=${options.label}
    aria-expanded=${options.isExpanded ?? nothing}
    aria-pressed=${options.isPressed ?? nothing}
    ?disabled=${options.isDisabled ?? false}
    @click=${options.onClick}
  >
    <span class="codicon codicon-${options.icon}" aria-hidden="true"></span>
  </button>`;
}

export function icon(name: string): TemplateResult {
  return html`<span class="codicon codicon-${name}" aria-hidden="true"></span>`;
}
