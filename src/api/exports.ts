// The door: what activate() returns to other extensions.
// Must not know: how the API works behind it.

import type { JanApi, JanExports } from './jan';

/** Anything that hands out the API as a caller sees it: the core. */
interface ApiSource {
  api(caller: string): JanApi;
}

export function createExports(source: ApiSource): JanExports {
  let api: JanApi | undefined;
  return Object.freeze({
    enabled: true,
    // Never fires yet: Jan cannot be switched off without disabling the extension, which ends this object's life.
    onDidChangeEnablement: () => ({ dispose: () => undefined }),
    getAPI(version: 1): JanApi {
      if (version !== 1) {
        throw new Error(`Jan offers version 1 of its API, not ${String(version)}. Update Jan, or ask for version 1.`);
      }
      return (api ??= source.api('api'));
    },
  });
}
