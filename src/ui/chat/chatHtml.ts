// The page that holds the chat: nothing but its security policy, its styles and its one script.
// Must not know: VS Code, what the script does.

export interface ChatPage {
  /** `webview.cspSource`. */
  readonly cspSource: string;
  /** Fresh for every page, at least 128 random bits. */
  readonly nonce: string;
  readonly language: string;
  readonly title: string;
  readonly script: string;
  readonly styles: readonly string[];
}

/**
 * Nothing is loaded from anywhere but the extension itself, nothing is sent anywhere, and images are local or inline:
 * an image of a remote address would carry the conversation away in its query. Styles need no `unsafe-inline`: the
 * toolkit uses constructed style sheets, and one style element that takes its nonce from the page's `csp-nonce`.
 */
export function contentSecurityPolicy(cspSource: string, nonce: string): string {
  return [
    "default-src 'none'",
    `script-src 'nonce-${nonce}'`,
    `style-src ${cspSource} 'nonce-${nonce}'`,
    `img-src ${cspSource} data:`,
    `font-src ${cspSource}`,
    "connect-src 'none'",
    "frame-src 'none'",
    "worker-src 'none'",
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
}

export function createChatHtml(page: ChatPage): string {
  const styles = page.styles.map((href) => `<link rel="stylesheet" href="${escape(href)}">`).join('\n    ');
  return `<!DOCTYPE html>
<html lang="${escape(page.language)}">
  <head>
    <meta charset="utf-8">
    <meta http-equiv="Content-Security-Policy" content="${escape(contentSecurityPolicy(page.cspSource, page.nonce))}">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta property="csp-nonce" content="${escape(page.nonce)}">
    ${styles}
    <title>${escape(page.title)}</title>
    <script nonce="${escape(page.nonce)}" src="${escape(page.script)}" defer></script>
  </head>
  <body>
    <jan-chat></jan-chat>
  </body>
</html>
`;
}

function escape(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
