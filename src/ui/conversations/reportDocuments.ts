// Reports that open as read-only documents: nothing to save, nothing on disk.
// Must not know: what they report.

import * as vscode from 'vscode';
import { DisposableStore, type Disposable } from '../../common/lifecycle';

const scheme = 'jan-report';

export class ReportDocuments implements Disposable {
  readonly #owned = new DisposableStore();
  readonly #texts = new Map<string, string>();
  #count = 0;

  constructor() {
    this.#owned.add(
      vscode.workspace.registerTextDocumentContentProvider(scheme, {
        // A window that is reloaded shows its tabs again, but the report was of then.
        provideTextDocumentContent: (uri) => this.#texts.get(uri.toString()) ?? vscode.l10n.t('This report is not kept. Run the command again.'),
      }),
    );
    this.#owned.add(
      vscode.workspace.onDidCloseTextDocument(({ uri }) => {
        this.#texts.delete(uri.toString());
      }),
    );
  }

  /** @param name of the document, without the ending */
  async show(name: string, markdown: string): Promise<void> {
    const uri = vscode.Uri.from({ scheme, path: `/${name}.md`, query: String(++this.#count) });
    this.#texts.set(uri.toString(), markdown);
    await vscode.window.showTextDocument(await vscode.workspace.openTextDocument(uri), { preview: true });
  }

  dispose(): void {
    this.#owned.dispose();
  }
}
