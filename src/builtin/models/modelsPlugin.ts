// The built-in models plugin: what is on this machine, what can be had, downloading, adding and deleting.
// Must not know: how descriptions are stored, how models are run; both are asked for by service name.

import type { JanApi } from '../../api/jan';
import { DisposableStore, type Disposable } from '../../common/lifecycle';
import type { Logger } from '../../common/log';
import type { DownloadsOptions } from './downloads';
import { registerLazily } from '../lazyProviders';

export interface ModelsPluginOptions {
  readonly log: Logger;
  /** Downloads go here, as `owner/repository/file`; created on first use. */
  readonly modelsDirectory: string;
  readonly starterModelPath: string;
  /** Path of dist/downloader.mjs. */
  readonly downloaderEntry: string;
  /** Default https://huggingface.co. Plain http only to loopback. */
  readonly hubUrl?: () => string;
  /** Sent to the hub's own host and no other. */
  readonly hubToken?: () => Promise<string | undefined>;
  /** URL of the proxy that VS Code is set to use, if any. */
  readonly proxy?: () => string | undefined;
  /** Program that runs the downloader; default the one that runs this code. */
  readonly execPath?: string;
  /** Of the downloader; tests only. */
  readonly limits?: DownloadsOptions['limits'];
}

/** Supplies every name of the model management service. Its code is loaded by the first call. */
export function registerModelsPlugin(api: JanApi, options: ModelsPluginOptions): Disposable {
  const owned = new DisposableStore();
  const plugin = owned.add(api.registerPlugin({ id: 'jan.models', name: 'Models', version: '0.1.0' }));
  registerLazily(plugin, Object.values(api.ModelManagementService), async () => {
    const { createModelProviders } = await import('./modelProviders');
    const { services, downloads } = createModelProviders(plugin, options);
    owned.add(downloads);
    return services;
  });
  return owned;
}
