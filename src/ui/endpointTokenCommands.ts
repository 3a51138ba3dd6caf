// `Jan: New Endpoint Token…` and `Jan: Revoke Endpoint Token…`.
// Must not know: how tokens are kept and compared.

import * as vscode from 'vscode';
import { nameProblem, type EndpointTokens, type NameProblem } from './endpointTokens';

export async function newEndpointToken(tokens: EndpointTokens): Promise<void> {
  const { l10n } = vscode;
  const existing = await tokens.list();
  const problems: Readonly<Record<NameProblem, string>> = {
    empty: l10n.t('A token needs a name.'),
    'too-long': l10n.t('A token’s name has at most 40 characters.'),
    taken: l10n.t('There is a token of this name. Revoke it first, or choose another name.'),
    'too-many': l10n.t('There are too many tokens. Revoke one first.'),
  };
  const name = await vscode.window.showInputBox({
    title: l10n.t('New Endpoint Token'),
    prompt: l10n.t('What will use it, for example “Continue”. The token works in every window until you revoke it.'),
    ignoreFocusOut: true,
    validateInput: (text) => {
      const problem = nameProblem(text.trim(), existing);
      return problem && problems[problem];
    },
  });
  if (name === undefined) {
    return;
  }
  const token = await tokens.create(name.trim());
  const copy = l10n.t('Copy Token');
  const chosen = await vscode.window.showInformationMessage(
    l10n.t('Token “{0}” of Jan’s endpoint', name.trim()),
    { modal: true, detail: l10n.t('{0}\n\nIt is shown only now. Set jan.endpoint.port as well, so that the address stays the same.', token) },
    copy,
  );
  if (chosen === copy) {
    await vscode.env.clipboard.writeText(token);
  }
}

export async function revokeEndpointToken(tokens: EndpointTokens): Promise<void> {
  const { l10n } = vscode;
  const existing = await tokens.list();
  if (existing.length === 0) {
    void vscode.window.showInformationMessage(l10n.t('There are no endpoint tokens. The one that Copy Endpoint gives ends with its window.'));
    return;
  }
  const chosen = await vscode.window.showQuickPick(
    existing.map(({ name, createdAt }) => ({ label: name, description: l10n.t('made on {0}', new Date(createdAt).toLocaleDateString()) })),
    { title: l10n.t('Revoke Endpoint Token'), placeHolder: l10n.t('What uses this token can’t use the endpoint any more') },
  );
  if (chosen !== undefined) {
    await tokens.revoke(chosen.label);
    void vscode.window.showInformationMessage(l10n.t('The token “{0}” is revoked.', chosen.label));
  }
}
