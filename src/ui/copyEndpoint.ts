// `Jan: Copy Endpoint`: a quick pick of what other tools need, copied to the clipboard.
// Must not know: how the endpoint is served.

import * as vscode from 'vscode';
import type { JanApi } from '../api/jan';
import { chatModelOf, endpointSnippets, type EndpointSnippet } from './endpointSnippets';

export async function copyEndpoint(api: JanApi): Promise<void> {
  const { l10n } = vscode;
  const [endpoint, models] = await Promise.all([api.inference.inferenceUrl(), api.inference.getInferenceModels().catch(() => [])]);
  const modelId = chatModelOf(models)?.id ?? 'model-id';
  const names: Readonly<Record<EndpointSnippet['id'], readonly [string, string]>> = {
    url: [`$(link) ${l10n.t('Address')}`, endpoint.url],
    token: [`$(key) ${l10n.t('Token')}`, l10n.t('valid while this window is open; New Endpoint Token makes one that stays')],
    environment: [`$(terminal) ${l10n.t('Environment variables')}`, 'OPENAI_BASE_URL, OPENAI_API_KEY'],
    curl: [`$(terminal) curl`, l10n.t('a question on the command line')],
    python: [`$(snake) Python`, l10n.t('with the package openai')],
    javascript: [`$(file-code) JavaScript`, l10n.t('with the package openai')],
    continue: [`$(extensions) Continue`, l10n.t('its config.yaml')],
    claudeCode: [`$(terminal) Claude Code`, l10n.t('environment variables')],
  };
  const items = endpointSnippets(endpoint, modelId).map((snippet) => {
    const [label, description] = names[snippet.id];
    return { label, description, snippet };
  });
  const chosen = await vscode.window.showQuickPick(items, {
    title: l10n.t('Copy Endpoint'),
    placeHolder: l10n.t('What to copy. Only programs on this machine that have the token can use the endpoint.'),
    matchOnDescription: true,
  });
  if (chosen !== undefined) {
    await vscode.env.clipboard.writeText(chosen.snippet.text);
    vscode.window.setStatusBarMessage(l10n.t('Copied'), 3000);
  }
}
