// Measures decoding speed through the endpoint against node-llama-cpp alone, in turns.
// Must not know: which model, what goal.

import { median, type Measurement } from './benchRow';
import { openEndpoint, openRaw, unguessed } from './endpointBench';
import { shortQuestion } from './longText';

export interface ThroughputOptions {
  readonly modelPath: string;
  readonly tokens: number;
  readonly rounds: number;
  /** Default: a short one that differs by round. */
  readonly question?: (round: number) => string;
  /**
   * Default: both must say the same. A guess that is wrong leaves the sums of the next token in another order, which
   * decides otherwise where two tokens of random weights are as good.
   */
  readonly textsMayDiffer?: boolean;
  /** Token by token, as the reference does. Default: false. */
  readonly withoutGuesses?: boolean;
  /** From the first token on, without reading the prompt. */
  readonly decodingOnly?: boolean;
}

/** Tokens/s, medians over the rounds; each round asks something new, so nothing is remembered from the one before. */
export async function measureThroughput({ modelPath, tokens, rounds, question: questionOf = shortQuestion, textsMayDiffer = false, withoutGuesses = false, decodingOnly = false }: ThroughputOptions): Promise<Measurement> {
  const endpoint = await openEndpoint(modelPath);
  const raw = await openRaw(modelPath);
  try {
    const ours: number[] = [];
    const reference: number[] = [];
    const ratios: number[] = [];
    // Round 0 warms both up and is not counted.
    for (let round = 0; round <= rounds; round++) {
      const question = questionOf(round);
      const askOurs = async (): Promise<string> => {
        const { text, completionTokens, firstTextMs, totalMs } = await endpoint.ask(question, tokens, withoutGuesses ? unguessed : {});
        if (completionTokens !== tokens) {
          throw new Error(`${completionTokens} tokens came, ${tokens} were asked for`);
        }
        ours.push(decodingOnly ? ((tokens - 1) * 1000) / (totalMs - firstTextMs) : (tokens * 1000) / totalMs);
        return text;
      };
      const askRaw = async (): Promise<string> => {
        const { text, totalMs, gaps } = await raw.ask(question, tokens);
        reference.push(decodingOnly ? (gaps.length * 1000) / gaps.reduce((sum, gap) => sum + gap, 0) : (tokens * 1000) / totalMs);
        return text;
      };
      // ABBA: whoever comes first changes, so that a drift of the machine favours no one.
      const answers = round % 2 === 0 ? [await askOurs(), await askRaw()] : [await askRaw(), await askOurs()];
      if (!textsMayDiffer && answers[0] !== answers[1]) {
        throw new Error('The endpoint and node-llama-cpp gave different answers: what is measured is not the same work.');
      }
      ratios.push(ours.at(-1)! / reference.at(-1)!);
    }
    const counted = ratios.slice(1).sort((a, b) => a - b);
    return {
      ours: median(ours.slice(1)),
      reference: median(reference.slice(1)),
      note:
        `${tokens} tokens × ${rounds} rounds; median of the rounds' ratios ${median(counted).toFixed(3)} ` +
        `(${counted[0]!.toFixed(2)}…${counted.at(-1)!.toFixed(2)}), best round ÷ best round ${(Math.max(...ours) / Math.max(...reference)).toFixed(3)}`,
    };
  } finally {
    await endpoint.dispose();
    await raw.dispose();
  }
}
