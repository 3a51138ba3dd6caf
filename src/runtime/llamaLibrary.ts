// Opens node-llama-cpp once, with what every use of it shares: prebuilt binaries only, threads, log, GPU or none.
// Must not know: models, requests.

import os from 'node:os';
import type * as NodeLlamaCpp from 'node-llama-cpp';
import { JanError } from '../common/errors';
import type { Logger } from '../common/log';
import { ThreadPace } from './threadPace';

export type LlamaModule = typeof NodeLlamaCpp;

export interface LlamaLibrary {
  readonly module: LlamaModule;
  readonly llama: NodeLlamaCpp.Llama;
  /** Threads per evaluation, at most. */
  readonly threads: number;
  /** To be called before each step: gives it as many threads as others leave free. */
  readonly adaptThreads: () => void;
}

let opened: Promise<LlamaLibrary> | undefined;

/** @throws JanError `engine-unavailable` when no binary fits this machine. */
export function openLlama(log: Logger): Promise<LlamaLibrary> {
  opened ??= open(log);
  opened.catch(() => (opened = undefined));
  return opened;
}

async function open(log: Logger): Promise<LlamaLibrary> {
  const pace = new ThreadPace(os.availableParallelism());
  const threads = pace.most;
  let module: LlamaModule;
  try {
    module = await import('node-llama-cpp');
  } catch (error) {
    throw unavailable(error);
  }
  const logger = (level: string, message: string): void => {
    const line = message.trimEnd();
    if (level === 'fatal' || level === 'error') {
      log.error(line);
    } else if (level === 'warn') {
      log.warn(line);
    }
  };
  const shared = {
    build: 'never',
    skipDownload: true,
    progressLogs: false,
    maxThreads: threads,
    logLevel: module.LlamaLogLevel.warn,
    logger,
  } as const;
  try {
    return library(module, await module.getLlama({ ...shared, gpu: 'auto' }), pace);
  } catch (error) {
    log.warn(`No GPU support, using the CPU: ${textOf(error)}`);
  }
  try {
    return library(module, await module.getLlama({ ...shared, gpu: false }), pace);
  } catch (error) {
    throw unavailable(error);
  }
}

function library(module: LlamaModule, llama: NodeLlamaCpp.Llama, pace: ThreadPace): LlamaLibrary {
  return {
    module,
    llama,
    threads: pace.most,
    adaptThreads: () => {
      const { threads } = pace;
      if (llama.maxThreads !== threads) {
        llama.maxThreads = threads;
      }
    },
  };
}

function unavailable(error: unknown): JanError {
  const where = `${process.platform}-${process.arch}`;
  return new JanError(
    'engine-unavailable',
    `llama.cpp could not be started on this machine (${where}): ${textOf(error)} Models of other backends still work.`,
    { cause: error, details: { where } },
  );
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
