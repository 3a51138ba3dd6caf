// Why the engine ended, in words that say what to do.
// Must not know: how it was started.

import { JanError } from '../../common/errors';

export interface ProcessExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The system has killed a process for want of memory while this one ran. */
  readonly outOfMemory?: boolean;
}

const outOfMemoryWords = 'was killed by the system because memory ran out (SIGKILL)';

const signals: Partial<Record<NodeJS.Signals, string>> = {
  SIGKILL: 'was killed (SIGKILL), perhaps because memory ran out',
  SIGILL: 'used an instruction that this processor lacks (SIGILL)',
  SIGTRAP: 'stopped at a failed check in its memory allocator (SIGTRAP)',
  SIGABRT: 'gave up because llama.cpp found an error (SIGABRT)',
  SIGSEGV: 'crashed in native code (SIGSEGV)',
  SIGBUS: 'could not read the model file any more (SIGBUS), perhaps because it was changed or its disk was removed',
  SIGFPE: 'crashed in a calculation (SIGFPE)',
  SIGTERM: 'was told to end (SIGTERM)',
};

/** Windows reports a crash as an NTSTATUS exit code. */
const statusCodes: Readonly<Record<number, string>> = {
  0xc0000005: 'crashed in native code (access violation)',
  0xc000001d: 'used an instruction that this processor lacks',
  0xc0000409: 'gave up because llama.cpp found an error',
  0xc0000017: 'ran out of memory',
  0xc0000135: 'is missing a system library',
};

/** A shell reports a signal as 128 + its number, and so does a program started through one. */
const signalNumbers: Readonly<Record<number, NodeJS.Signals>> = {
  132: 'SIGILL',
  133: 'SIGTRAP',
  134: 'SIGABRT',
  135: 'SIGBUS',
  136: 'SIGFPE',
  137: 'SIGKILL',
  139: 'SIGSEGV',
};

/** @param exit undefined when another window had started the process, so that its end was not seen. */
export function exitWords(exit: ProcessExit | undefined): string {
  if (exit === undefined) {
    return 'ended unexpectedly';
  }
  const signal = exit.signal ?? (exit.code === null ? undefined : signalNumbers[exit.code]);
  if (signal === 'SIGKILL' && exit.outOfMemory === true) {
    return outOfMemoryWords;
  }
  if (signal !== undefined && signal !== null) {
    return signals[signal] ?? `was ended by ${signal}`;
  }
  const status = statusCodes[(exit.code ?? 0) >>> 0];
  return status ?? `ended with exit code ${exit.code ?? 'unknown'}`;
}

/** @param words instead of those for the exit: this window has ended the process itself, and knows why. */
export function crashError(exit: ProcessExit | undefined, words = exitWords(exit)): JanError {
  return new JanError('engine-crashed', `The engine ${words}. Send the message again to restart it.`, {
    details: { words, signal: exit?.signal ?? null, exitCode: exit?.code ?? null, ...(exit?.outOfMemory === true ? { outOfMemory: true } : {}) },
  });
}
