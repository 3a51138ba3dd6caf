// A draw that native code refuses ends its answer with an error. node-llama-cpp draws where nobody waits for the outcome: a
// refusal would end the process, and the answer would never hear of it.
// Must not know: answers, which draws are made.

import type { LlamaContext } from 'node-llama-cpp';

/** Of llama.cpp's context as node-llama-cpp wraps it. */
interface NativeContext {
  sampleToken(...given: unknown[]): Promise<unknown>;
}

/** For node-llama-cpp, "nothing could be drawn", for which it throws at whoever asked. */
const nothing = -1;

/** To be called once for each context that answers are drawn from. */
export function settleDraws(context: LlamaContext): LlamaContext {
  const native = (context as unknown as { readonly _ctx: NativeContext })._ctx;
  const draw = native.sampleToken.bind(native);
  Object.defineProperty(native, 'sampleToken', {
    // With more than the place and the sampler, probabilities are wanted, and it gives a list.
    value: (...given: unknown[]) => draw(...given).catch(() => (given.length > 2 ? [nothing] : nothing)),
  });
  return context;
}
