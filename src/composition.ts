// The composition root: the one place that creates the parts and hands them to each other, in order.
// Must not know: what the parts do.

import * as path from 'node:path';
import * as vscode from 'vscode';
import { createExports } from './api/exports';
import type { JanExports } from './api/jan';
import { registerDataPlugin } from './builtin/data/dataPlugin';
import { registerInferencePlugin } from './builtin/inference/inferencePlugin';
import { registerModelsPlugin } from './builtin/models/modelsPlugin';
import { registerMonitoringPlugin } from './builtin/monitoring/monitoringPlugin';
import { Emitter } from './common/events';
import { DisposableStore, type Disposable } from './common/lifecycle';
import { createCore, type Core } from './core/core';
import { createGateway, type Gateway } from './gateway/gateway';
import { Companions } from './plugins/companions';
import { runtimeDirectory } from './builtin/inference/runtimeDirectory';
import { EndpointTokens } from './ui/endpointTokens';
import { hubTokenSecret } from './ui/hubToken';
import { registerUi } from './ui/registerUi';

/** The embedded model, and its id in every list. */
const starterModel = { id: 'jan-guide', path: 'media/starter-model/jan-guide.gguf' };

export function compose(context: vscode.ExtensionContext): { readonly exports: JanExports; readonly owned: Disposable } {
  const owned = new DisposableStore();
  const log = owned.add(vscode.window.createOutputChannel('Jan', { log: true }));
  const storage = context.globalStorageUri.fsPath;
  const shipped = (relative: string): string => path.join(context.extensionPath, relative);
  const setting = <T>(key: string, fallback: T): T => vscode.workspace.getConfiguration('jan').get<T>(key) ?? fallback;

  const companions = owned.add(
    new Companions({
      log,
      installed: () => vscode.extensions.all,
      onDidChangeInstalled: vscode.extensions.onDidChange,
    }),
  );
  const core = owned.add(createCore({ log, prepare: (group) => companions.prepare(group) }));
  owned.add(followProviderChoice(core));

  const builtin = core.api('builtin');
  const endpointTokens = owned.add(new EndpointTokens(context.secrets, log));
  const endpointPort = (): number => setting('endpoint.port', 0);
  const gateway = owned.add(
    createGateway({
      api: core.api('gateway'),
      log,
      port: endpointPort,
      tokens: endpointTokens,
      note: { path: path.join(storage, 'endpoint.json'), window: vscode.workspace.name ?? vscode.l10n.t('without a folder') },
    }),
  );
  owned.add(serveFixedPort(endpointPort, gateway, log));
  owned.add(
    registerDataPlugin(builtin, {
      directory: path.join(storage, 'store'),
      log,
      wasmPath: shipped('dist/sql-wasm.wasm'),
      snapshotWorkerPath: shipped('dist/snapshotWorker.mjs'),
      storeWorkerPath: shipped('dist/storeWorker.mjs'),
      // Asked minutes later, when all parts are there.
      isObserved: () => ui.isWatched(),
    }),
  );
  owned.add(
    registerModelsPlugin(builtin, {
      log,
      modelsDirectory: setting('models.directory', '') || path.join(storage, 'models'),
      starterModelPath: shipped(starterModel.path),
      downloaderEntry: shipped('dist/downloader.mjs'),
      hubUrl: () => setting('hub.url', 'https://huggingface.co'),
      proxy: () => vscode.workspace.getConfiguration('http').get<string>('proxy') || undefined,
      hubToken: async () => context.secrets.get(hubTokenSecret),
    }),
  );
  const engineSettingsChange = owned.add(new Emitter<void>());
  owned.add(vscode.workspace.onDidChangeConfiguration((change) => change.affectsConfiguration('jan.engine') && engineSettingsChange.fire()));
  owned.add(
    registerInferencePlugin(builtin, {
      log,
      runtimeEntry: shipped('dist/runtime.mjs'),
      runtimeDirectory: runtimeDirectory(storage),
      crashMemoryFile: path.join(storage, 'engine-crashes.json'),
      starterModelId: starterModel.id,
      modelSettings: (modelId) => setting<Record<string, unknown>>('modelSettings', {})[modelId],
      engineSettings: {
        read: () => ({ keepAlive: setting<unknown>('engine.keepAlive', undefined), memoryBudget: setting<unknown>('engine.memoryBudget', undefined) }),
        onDidChange: engineSettingsChange.event,
      },
      openEndpoint: () => gateway.start(),
    }),
  );
  owned.add(registerMonitoringPlugin(builtin, { log }));
  const ui = owned.add(registerUi({ api: core.api('ui'), log, context, endpointTokens }));

  return { exports: createExports(core), owned };
}

/** Tools find a fixed port only if someone serves it: this window tries when it gets the focus, until it does. */
function serveFixedPort(port: () => number, gateway: Gateway, log: vscode.LogOutputChannel): Disposable {
  let isServed = false;
  const attempt = (): void => {
    if (port() !== 0 && !isServed) {
      gateway.start().then(
        () => (isServed = true),
        (error: unknown) => log.debug(`The fixed port is not served by this window: ${error instanceof Error ? error.message : String(error)}`),
      );
    }
  };
  setImmediate(attempt);
  return vscode.window.onDidChangeWindowState(({ focused }) => focused && attempt());
}

/** Applies the setting jan.providers now and whenever it changes. */
function followProviderChoice(core: Core): Disposable {
  const apply = (): void => {
    const choice = vscode.workspace.getConfiguration('jan').get<Record<string, unknown>>('providers') ?? {};
    const valid = Object.entries(choice).filter((entry): entry is [string, string] => typeof entry[1] === 'string');
    core.setProviderChoice(Object.fromEntries(valid));
  };
  apply();
  return vscode.workspace.onDidChangeConfiguration((change) => {
    if (change.affectsConfiguration('jan.providers')) {
      apply();
    }
  });
}
