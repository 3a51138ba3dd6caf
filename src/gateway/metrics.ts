// What the endpoint did since it opened, as Prometheus text. Source of the form: Prometheus, "Exposition formats"; the
// names `llamacpp:…` are llama-server's, so that dashboards made for it work. Must not know: routes, sockets.

import type { Timings, TokenUsage } from '../api/jan';
import { decodingMs } from './timings';

export interface QueueState {
  readonly active: number;
  readonly waiting: number;
}

export class GatewayMetrics {
  #readTokens = 0;
  #readMs = 0;
  #cachedTokens = 0;
  #generatedTokens = 0;
  #generatingMs = 0;
  readonly #answers = new Map<number, number>();
  #queue: () => QueueState = () => ({ active: 0, waiting: 0 });

  watch(queue: () => QueueState): void {
    this.#queue = queue;
  }

  countAnswer(status: number): void {
    this.#answers.set(status, (this.#answers.get(status) ?? 0) + 1);
  }

  countTokens({ promptTokens, completionTokens, cachedTokens = 0 }: TokenUsage, timings: Timings = {}): void {
    this.#readTokens += promptTokens - cachedTokens;
    this.#readMs += timings.firstTokenMs ?? 0;
    this.#cachedTokens += cachedTokens;
    this.#generatedTokens += completionTokens;
    this.#generatingMs += decodingMs(completionTokens, timings.tokensPerSecond);
  }

  /** No text of any request, no model's name, no token: numbers only. */
  toText(): string {
    const { active, waiting } = this.#queue();
    const answers = [...this.#answers].sort(([a], [b]) => a - b).map(([status, count]) => [`{status="${status}"}`, count] as const);
    return [
      series('llamacpp:prompt_tokens_total', 'counter', 'Prompt tokens that were read.', [['', this.#readTokens]]),
      series('llamacpp:prompt_tokens_cached_total', 'counter', 'Prompt tokens that needed no computing.', [['', this.#cachedTokens]]),
      series('llamacpp:prompt_seconds_total', 'counter', 'Time to the first tokens of the answers.', [['', this.#readMs / 1000]]),
      series('llamacpp:tokens_predicted_total', 'counter', 'Tokens generated.', [['', this.#generatedTokens]]),
      series('llamacpp:tokens_predicted_seconds_total', 'counter', 'Time from the first to the last tokens of the answers.', [['', this.#generatingMs / 1000]]),
      series('llamacpp:requests_processing', 'gauge', 'Requests that are being answered.', [['', active]]),
      series('llamacpp:requests_deferred', 'gauge', 'Requests that wait for their turn.', [['', waiting]]),
      series('jan_http_responses_total', 'counter', 'Answers by HTTP status.', answers),
    ].join('');
  }
}

function series(name: string, type: 'counter' | 'gauge', help: string, samples: readonly (readonly [labels: string, value: number])[]): string {
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${samples.map(([labels, value]) => `${name}${labels} ${value}\n`).join('')}`;
}
