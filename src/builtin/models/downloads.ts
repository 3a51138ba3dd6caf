// All downloads of this machine as this window sees them: starts, follows, pauses, resumes and cancels them.
// Must not know: how bytes are fetched (a process of its own does), how descriptions are stored.

import { readFile, rm, stat, writeFile } from 'node:fs/promises';
import * as path from 'node:path';
import type { Download, DownloadRequest, Model, NewModel, PluginHandle } from '../../api/jan';
import { JanError, toJanError } from '../../common/errors';
import type { Disposable } from '../../common/lifecycle';
import type { Logger } from '../../common/log';
import { parseUnfinishedState, unfinishedFiles, unfinishedFolder, type DownloadEventMessage, type UnfinishedState } from '../../protocol/downloadProtocol';
import { DownloaderProcess } from './downloaderProcess';
import { parseDownloadRequest, targetOfModel, type DownloadTarget } from './downloadTarget';
import { quantizationFromName } from './modelNames';

/** Each is a process; more at once make none of them faster. */
const runningLimit = 4;
/** A downloader writes its state every second; one that has not for so long does not run. */
const aliveMs = 15_000;
/** How long another window's downloader gets to follow a request, ms. */
const otherWindowDeadlineMs = 5_000;

export interface DownloadsOptions {
  readonly plugin: Pick<PluginHandle, 'invoke' | 'emit'>;
  readonly log: Logger;
  readonly modelsDirectory: string;
  readonly downloaderEntry: string;
  readonly execPath?: string;
  readonly hubUrl: () => string;
  readonly hubToken: () => Promise<string | undefined>;
  readonly proxy?: () => string | undefined;
  /** What a file in place says about itself, in the form to store. */
  readonly describeFile: (file: string, known: Partial<NewModel> & Pick<NewModel, 'id' | 'source'>) => Promise<NewModel>;
  /** Passed on to the downloader; see `DownloadJob`. Tests only. */
  readonly limits?: { readonly minimumFreeBytes?: number; readonly stallMs?: number; readonly patienceMs?: number };
}

interface Running {
  readonly target: DownloadTarget;
  readonly process: DownloaderProcess;
  download: Download;
}

export class Downloads implements Disposable {
  readonly #running = new Map<string, Running>();
  readonly #starting = new Map<string, Promise<Download>>();
  /** Ended with an error in this window, until started again or forgotten. */
  readonly #failed = new Map<string, Download>();
  #disposed = false;

  constructor(private readonly options: DownloadsOptions) {}

  start(request: DownloadRequest): Promise<Download> {
    let target: DownloadTarget;
    try {
      target = parseDownloadRequest(request, this.options.hubUrl());
    } catch (error) {
      return Promise.reject(toJanError(error));
    }
    const starting = this.#starting.get(target.id) ?? this.#start(target).finally(() => this.#starting.delete(target.id));
    this.#starting.set(target.id, starting);
    return starting;
  }

  async list(): Promise<Download[]> {
    const unfinished = await this.options.plugin.invoke('getUnfinishedDownloadModels');
    const all = await Promise.all(unfinished.map((model) => this.#downloadOf(model)));
    return all.filter((download) => download !== undefined);
  }

  async cancel(downloadId: string, keepPartial = true): Promise<void> {
    const running = this.#running.get(downloadId);
    if (running !== undefined) {
      await running.process.stop(keepPartial);
      return;
    }
    const models = await this.options.plugin.invoke('getUnfinishedDownloadModels');
    const model = models.find((one) => targetOfModel(one, this.options.hubUrl())?.id === downloadId);
    if (model === undefined) {
      throw new JanError('download-not-found', 'There is no such download (any more).', { details: { downloadId } });
    }
    if (await this.#runsElsewhere(downloadId)) {
      await this.#askOtherWindow(downloadId, keepPartial);
    }
    await this.#settle(downloadId, model, keepPartial);
  }

  /** Stops and forgets the download of a model, if there is one. For deleting the model. */
  async discard(modelId: string): Promise<boolean> {
    const download = (await this.list()).find((one) => one.modelId === modelId);
    if (download !== undefined) {
      await this.cancel(download.id, false);
    }
    return download !== undefined;
  }

  dispose(): void {
    this.#disposed = true;
    for (const { process } of this.#running.values()) {
      process.dispose();
    }
    this.#running.clear();
  }

  async #start(target: DownloadTarget): Promise<Download> {
    const running = this.#running.get(target.id);
    if (running !== undefined) {
      return running.download;
    }
    const finished = await this.#finished(target);
    if (finished !== undefined) {
      return finished;
    }
    if (this.#running.size >= runningLimit) {
      throw new JanError('download-failed', `${runningLimit} downloads are running already. Wait for one to end, or pause one.`);
    }
    if ((await this.#state(target.id)) === undefined && (await this.#isUnfinished(target.modelId)) && (await this.#recover(target))) {
      return (await this.#finished(target)) ?? fresh(target);
    }
    const token = await this.options.hubToken();
    this.#failed.delete(target.id);
    return new Promise<Download>((resolve, reject) => {
      let began = false;
      /** In order, one at a time: a later event must not overtake what an earlier one stores. */
      let queue = Promise.resolve();
      const { log, downloaderEntry: entry, execPath, modelsDirectory, limits } = this.options;
      const { id, hubUrl, repository, fileName, url, sha256 } = target;
      const current = (): Running => ({ target, process: child, download: this.#running.get(id)?.download ?? fresh(target) });
      const child = new DownloaderProcess({
        proxy: this.options.proxy?.(),
        entry,
        execPath,
        log,
        job: { id, hubUrl, repository, fileName, url, sha256, token, modelsDirectory, target: target.segments, ...limits },
        onEvent: (event) => {
          queue = queue.then(async () => {
            try {
              if (event.type === 'begun') {
                await this.#storeBeginning(target, event);
                began = true;
              }
              const download = await this.#apply(current(), event, began);
              if (event.type === 'begun' || event.type === 'busy') {
                resolve(download);
              } else if (event.type === 'stopped') {
                reject(new JanError('cancelled', 'The download was stopped.'));
              } else if (download.status === 'failed') {
                reject(failureOf(download));
              }
            } catch (error) {
              log.error(`Download ${id} could not be recorded`, error);
              reject(toJanError(error));
            }
          });
        },
        onExit: (failure) => {
          void queue.then(() => {
            if (failure !== undefined && !this.#disposed) {
              this.#fail(current(), failure, began);
              reject(failure);
            }
            this.#running.delete(id);
            reject(new JanError('download-failed', 'The download ended before it began. Try again.'));
          });
        },
      });
      this.#running.set(id, { target, process: child, download: fresh(target) });
    });
  }

  /** Brings what is known up to date with an event, and tells everyone. */
  async #apply(running: Running, event: DownloadEventMessage, began: boolean): Promise<Download> {
    const { target } = running;
    switch (event.type) {
      case 'ready':
        return running.download;
      case 'begun':
      case 'progress':
        return this.#announce(running, {
          status: 'running',
          totalBytes: event.totalBytes,
          receivedBytes: event.receivedBytes,
          speed: event.type === 'progress' ? event.speed : undefined,
        });
      case 'busy':
        this.#running.delete(target.id);
        return { ...running.download, totalBytes: event.totalBytes, receivedBytes: event.receivedBytes };
      case 'verifying':
        return this.#announce(running, { status: 'verifying', totalBytes: event.totalBytes, receivedBytes: event.totalBytes, speed: undefined });
      case 'done': {
        await this.#finish(target, event.paths[0]!, event.sha256);
        this.#running.delete(target.id);
        return this.#announce(running, { status: 'completed', totalBytes: event.totalBytes, receivedBytes: event.totalBytes, speed: undefined });
      }
      case 'stopped': {
        this.#running.delete(target.id);
        if (!event.keptPartial) {
          await this.#forget(target.modelId);
        }
        return this.#announce(running, { status: event.keptPartial ? 'paused' : 'cancelled', speed: undefined });
      }
      case 'failed': {
        this.#running.delete(target.id);
        const { code, message, details } = event.error;
        return this.#fail(running, new JanError(code, message, { details }), began);
      }
    }
  }

  #announce(running: Running, change: Partial<Download>): Download {
    const download = { ...running.download, ...change };
    const live = this.#running.get(running.target.id);
    if (live !== undefined) {
      live.download = download;
    }
    this.options.plugin.emit('onDidChangeDownloads', download);
    return download;
  }

  #fail(running: Running, error: JanError, began: boolean): Download {
    this.options.log.warn(`Download ${running.target.id} failed: ${error.code}`, error.details);
    const change = { status: 'failed' as const, speed: undefined, error: { code: error.code, message: error.message } };
    if (!began) {
      return { ...running.download, ...change }; // `downloadModel` rejects: there is nothing to show in a list
    }
    const download = this.#announce(running, change);
    this.#failed.set(running.target.id, download);
    return download;
  }

  async #storeBeginning(target: DownloadTarget, event: DownloadEventMessage & { type: 'begun' }): Promise<void> {
    const { plugin } = this.options;
    const known = await plugin.invoke('getModelById', target.modelId).catch(() => undefined);
    const { modelId, name, source, repository, fileName, url } = target;
    await plugin.invoke('storeModel', {
      id: modelId,
      name: known?.name ?? name,
      backendId: 'llama.cpp',
      source,
      repository,
      fileName,
      url,
      author: repository?.split('/')[0],
      size: event.totalBytes,
      sha256: target.sha256 ?? event.sha256,
      quantization: quantizationFromName(fileName ?? name),
      startDownloadAt: known !== undefined && known.startDownloadAt >= 0 ? known.startDownloadAt : Date.now(),
      finishDownloadAt: -1,
    });
    plugin.emit('onDidChangeModels', { ids: [modelId] });
  }

  /** The files are in place and checked: from now on this is a model. */
  async #finish(target: DownloadTarget, file: string, sha256?: string): Promise<void> {
    const { plugin, describeFile } = this.options;
    const { modelId, source } = target;
    const known = await plugin.invoke('getModelById', modelId).catch(() => undefined);
    const described = await describeFile(file, { ...known, id: modelId, source, name: known?.name ?? target.name, sha256: sha256 ?? known?.sha256 });
    await plugin.invoke('storeModel', described);
    await plugin.invoke('updateFinishedDownloadAt', modelId);
    plugin.emit('onDidChangeModels', { ids: [modelId] });
  }

  async #forget(modelId: string): Promise<void> {
    const { plugin } = this.options;
    await plugin.invoke('deleteDownloadModel', modelId).catch(() => undefined);
    plugin.emit('onDidChangeModels', { ids: [modelId] });
  }

  async #finished(target: DownloadTarget): Promise<Download | undefined> {
    const models = await this.options.plugin.invoke('getDownloadedModels');
    const model = models.find((one) => one.id === target.modelId);
    return model === undefined
      ? undefined
      : { ...fresh(target), status: 'completed', totalBytes: model.size ?? 0, receivedBytes: model.size ?? 0 };
  }

  /** Of a model that has not finished: running here, failed here, running in another window, or paused. */
  async #downloadOf(model: Model): Promise<Download | undefined> {
    const target = targetOfModel(model, this.options.hubUrl());
    if (target === undefined) {
      return undefined;
    }
    const known = this.#running.get(target.id)?.download ?? this.#failed.get(target.id);
    if (known !== undefined) {
      return known;
    }
    const state = await this.#state(target.id);
    if (state === undefined && (await this.#recover(target))) {
      return undefined;
    }
    return {
      ...fresh(target),
      name: model.name,
      status: (await this.#runsElsewhere(target.id)) ? 'running' : 'paused',
      totalBytes: state?.totalBytes ?? model.size ?? 0,
      receivedBytes: state?.receivedBytes ?? 0,
    };
  }

  async #isUnfinished(modelId: string): Promise<boolean> {
    const models = await this.options.plugin.invoke('getUnfinishedDownloadModels');
    return models.some((model) => model.id === modelId);
  }

  /** The window closed between the file's arrival and its recording: recorded now. */
  async #recover(target: DownloadTarget): Promise<boolean> {
    try {
      const file = path.join(this.options.modelsDirectory, ...target.segments);
      await stat(file);
      await this.#finish(target, file);
      return true;
    } catch {
      return false;
    }
  }

  #unfinished(downloadId: string, name: string): string {
    return path.join(this.options.modelsDirectory, unfinishedFolder, downloadId, name);
  }

  async #state(downloadId: string): Promise<UnfinishedState | undefined> {
    return parseUnfinishedState(await readFile(this.#unfinished(downloadId, unfinishedFiles.state), 'utf8').catch(() => ''));
  }

  async #runsElsewhere(downloadId: string): Promise<boolean> {
    try {
      const { mtimeMs } = await stat(this.#unfinished(downloadId, unfinishedFiles.state));
      const lock = JSON.parse(await readFile(this.#unfinished(downloadId, unfinishedFiles.lock), 'utf8')) as { pid?: unknown } | null;
      if (Date.now() - mtimeMs > aliveMs || typeof lock?.pid !== 'number') {
        return false;
      }
      process.kill(lock.pid, 0);
      return true;
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'EPERM';
    }
  }

  async #askOtherWindow(downloadId: string, keepPartial: boolean): Promise<void> {
    await writeFile(this.#unfinished(downloadId, unfinishedFiles.stopRequest), keepPartial ? 'keep' : 'discard');
    const deadline = Date.now() + otherWindowDeadlineMs;
    while (await this.#runsElsewhere(downloadId)) {
      if (Date.now() > deadline) {
        throw new JanError('timeout', 'The window that runs this download did not stop it. Stop it there, or close that window.');
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  /** A download that runs nowhere: kept as it is, or thrown away. */
  async #settle(downloadId: string, model: Model, keepPartial: boolean): Promise<void> {
    const download = (await this.#downloadOf(model)) ?? fresh(targetOfModel(model, this.options.hubUrl())!);
    this.#failed.delete(downloadId);
    if (keepPartial) {
      this.options.plugin.emit('onDidChangeDownloads', { ...download, status: 'paused', speed: undefined, error: undefined });
      return;
    }
    await rm(this.#unfinished(downloadId, ''), { recursive: true, force: true });
    await this.#forget(model.id);
    this.options.plugin.emit('onDidChangeDownloads', { ...download, status: 'cancelled', speed: undefined, error: undefined });
  }
}

function fresh(target: DownloadTarget): Download {
  return { id: target.id, modelId: target.modelId, name: target.name, status: 'running', totalBytes: 0, receivedBytes: 0 };
}

function failureOf(download: Download): JanError {
  return new JanError(download.error?.code ?? 'download-failed', download.error?.message ?? 'The download failed.', { details: { downloadId: download.id } });
}
