// Entry: composes and returns the public API. Slow work starts after, on first use.
// Must not know: anything but composition.

import type * as vscode from 'vscode';
import type { JanExports } from './api/jan';
import { compose } from './composition';

export function activate(context: vscode.ExtensionContext): JanExports {
  const { exports, owned } = compose(context);
  context.subscriptions.push(owned);
  return exports;
}

export function deactivate(): void {
  // Everything is owned by context.subscriptions; the runtime process ends with the last window's lease.
}
