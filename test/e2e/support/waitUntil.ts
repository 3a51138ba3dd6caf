// Waiting for conditions that no event announces. It must not know what is waited for.

const intervalMs = 50;

/**
 * Asks again and again until the answer is neither false nor undefined.
 *
 * @param what named in the error, as in "no runtime process is left"
 * @param condition may be asynchronous; an error it throws counts as "not yet" and is the cause of the final error
 * @param timeoutMs default 15 s
 * @returns the answer
 */
export async function waitUntil<T>(
  what: string,
  condition: () => T | false | undefined | Promise<T | false | undefined>,
  timeoutMs = 15_000,
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    let cause: unknown;
    try {
      const answer = await condition();
      if (answer !== false && answer !== undefined) {
        return answer;
      }
    } catch (error) {
      cause = error;
    }
    if (Date.now() > deadline) {
      throw new Error(`Waited ${timeoutMs} ms in vain until ${what}.`, { cause });
    }
    await new Promise((resolve) => setTimeout(resolve, intervalMs));
  }
}
