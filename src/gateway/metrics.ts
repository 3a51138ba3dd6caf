// What the endpoint did since it opened, as Prometheus text. Source of the form: Prometheus, "Exposition formats"; the
// names `llamacpp:…` are llama-server's, so that dashboards made for it work. Must not know: routes, sockets.

import type { TokenUsage } from '../api/jan';

export interface QueueState {
  readonly active: number;
  readonly waiting: number;
}

export class GatewayMetrics {
  #promptTokens = 0;
  #cachedTokens = 0;
  #generatedTokens = 0;
  readonly #answers = new Map<number, number>();
  #queue: () => QueueState = () => ({ active: 0, waiting: 0 });

  watch(queue: () => QueueState): void {
    this.#queue = queue;
  }

  countAnswer(status: number): void {
    this.#answers.set(status, (this.#answers.get(status) ?? 0) + 1);
  }

  countTokens({ promptTokens, completionTokens, cachedTokens }: TokenUsage): void {
    this.#promptTokens += promptTokens;
    this.#generatedTokens += completionTokens;
    this.#cachedTokens += cachedTokens ?? 0;
  }

  /** No text of any request, no model's name, no token: numbers only. */
  toText(): string {
    const { active, waiting } = this.#queue();
    const answers = [...this.#answers].sort(([a], [b]) => a - b).map(([status, count]) => [`{status="${status}"}`, count] as const);
    return [
      series('llamacpp:prompt_tokens_total', 'counter', 'Prompt tokens of the answers given.', [['', this.#promptTokens]]),
      series('llamacpp:tokens_predicted_total', 'counter', 'Tokens generated.', [['', this.#generatedTokens]]),
      series('llamacpp:requests_processing', 'gauge', 'Requests that are being answered.', [['', active]]),
      series('llamacpp:requests_deferred', 'gauge', 'Requests that wait for their turn.', [['', waiting]]),
      series('jan_prompt_tokens_cached_total', 'counter', 'Prompt tokens that needed no computing.', [['', this.#cachedTokens]]),
      series('jan_http_responses_total', 'counter', 'Answers by HTTP status.', answers),
    ].join('');
  }
}

function series(name: string, type: 'counter' | 'gauge', help: string, samples: readonly (readonly [labels: string, value: number])[]): string {
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${samples.map(([labels, value]) => `${name}${labels} ${value}\n`).join('')}`;
}
