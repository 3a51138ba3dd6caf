// Several answers to one request: each asked for by itself, so that every backend can; side by side, and stopped together.
// Must not know: any API's form, backends.

import type { ChatChunk, GenerationRequest, TokenUsage } from '../api/jan';
import type { Exchange } from './exchange';
import { toUint32 } from './fields';

/** A seed is another for each, or all would be the same. */
export function choiceOf<R extends GenerationRequest>(request: R, index: number): R {
  return request.seed === undefined || index === 0 ? request : { ...request, seed: toUint32(request.seed + index) };
}

/**
 * Runs `answer` for each; the others begin when the first says that it has begun, by its first words or its end: until then
 * its prompt is read, which the engine copies to the others. When one fails, all are stopped, and the failure is thrown.
 */
export async function eachChoice(
  exchange: Exchange,
  count: number,
  answer: (exchange: Exchange, index: number, begun: (chunk: ChatChunk) => void) => Promise<void>,
): Promise<void> {
  const stop = new AbortController();
  const own: Exchange = { ...exchange, signal: AbortSignal.any([exchange.signal, stop.signal]) };
  const failures: unknown[] = [];
  const run = async (index: number, begun: (chunk: ChatChunk) => void): Promise<void> => {
    try {
      await answer(own, index, begun);
    } catch (error) {
      failures.push(error);
      stop.abort(error);
    }
  };
  let first: Promise<void> | undefined;
  await new Promise<void>((resolve) => {
    first = run(0, ({ promptProgress, endTokens, droppedMessages }) => {
      if (promptProgress === undefined && endTokens === undefined && droppedMessages === undefined) {
        resolve();
      }
    }).finally(resolve);
  });
  const others = Array.from({ length: count - 1 }, (_, index) => run(index + 1, () => undefined));
  await Promise.all([first, ...others]);
  if (failures.length > 0) {
    throw failures[0];
  }
}

/** All have the same prompt, which counts once. */
export function usageOfChoices(answers: readonly { readonly usage?: TokenUsage | undefined }[]): TokenUsage | undefined {
  const usages = answers.map(({ usage }) => usage).filter((usage) => usage !== undefined);
  const [first] = usages;
  return first && { ...first, completionTokens: usages.reduce((sum, { completionTokens }) => sum + completionTokens, 0) };
}
