// The names that export and import conversations, apart from the code behind them, which is loaded by the first call.
// Must not know: what they do.

export const exchangeNames = ['exportConversations', 'previewImport', 'importConversations', 'undoImport'] as const;

export type ExchangeName = (typeof exchangeNames)[number];
