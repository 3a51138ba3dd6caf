// The address of the hub (Hugging Face or a mirror of it), checked.
// Must not know: what is asked of it.

import { JanError } from '../../common/errors';
import { isAllowedUrl } from '../../protocol/downloadProtocol';

export const defaultHubUrl = 'https://huggingface.co';

/** @throws JanError `invalid-argument` naming the setting to change. */
export function parseHubUrl(value: string): URL {
  const trimmed = value.trim();
  let url: URL;
  try {
    url = new URL(trimmed === '' ? defaultHubUrl : trimmed);
  } catch {
    throw new JanError('invalid-argument', `The setting jan.hub.url is not a web address: ${trimmed.slice(0, 200)}`);
  }
  if (!isAllowedUrl(url, url)) {
    throw new JanError('invalid-argument', 'The setting jan.hub.url must begin with https:// (http:// only for this machine) and hold no password.');
  }
  url.search = '';
  url.hash = '';
  if (!url.pathname.endsWith('/')) {
    url.pathname += '/';
  }
  return url;
}
