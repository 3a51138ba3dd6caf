// The user's token for Hugging Face, which models behind a licence need. Kept in VS Code's secret storage.
// Must not know: what downloads and searches do with it.

import * as vscode from 'vscode';

/** Key in the secret storage; composition hands the value to the models plugin. */
export const hubTokenSecret = 'jan.hub.token';

/** Asks for the token; an empty one forgets what was kept. Escape changes nothing. */
export async function setHubToken(secrets: vscode.SecretStorage): Promise<void> {
  const { l10n } = vscode;
  const token = await vscode.window.showInputBox({
    title: l10n.t('Set Hugging Face Token'),
    prompt: l10n.t('For models whose licence you accepted on their page. Make one under Settings, Access Tokens there. Empty: forget it.'),
    password: true,
    ignoreFocusOut: true,
    validateInput: (text) => (/^[\x21-\x7e]*$/.test(text.trim()) ? undefined : l10n.t('A token holds no spaces or special characters.')),
  });
  if (token === undefined) {
    return;
  }
  if (token.trim() === '') {
    await secrets.delete(hubTokenSecret);
    void vscode.window.showInformationMessage(l10n.t('The Hugging Face token is forgotten.'));
  } else {
    await secrets.store(hubTokenSecret, token.trim());
    void vscode.window.showInformationMessage(l10n.t('The Hugging Face token is kept in VS Code’s secret storage.'));
  }
}
