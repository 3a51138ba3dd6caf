// A model that reads texts as a whole and writes none: vectors of texts, or how well documents answer a query.
// Must not know: windows, the protocol's transport, other models.

import type { LlamaEmbeddingContext, LlamaModel, LlamaRankingContext, Token } from 'node-llama-cpp';
import { JanError } from '../common/errors';
import type { EmbedResult, RankResult } from '../protocol/runtimeProtocol';
import { charactersPerToken, tokenizeLong } from './tokenizing';

export interface EncoderOptions {
  readonly kind: 'embeddings' | 'rerank';
  /** Tokens of the longest text. */
  readonly contextLength: number;
  readonly threads: number;
  readonly signal: AbortSignal;
  /** A text has been read. */
  readonly onStep: () => void;
}

type EncoderContext = { readonly kind: 'embeddings'; readonly context: LlamaEmbeddingContext } | { readonly kind: 'rerank'; readonly context: LlamaRankingContext };

export class EncoderModel {
  readonly slots = 1;
  readonly #running = new Set<Promise<unknown>>();
  #closed = false;

  private constructor(
    private readonly model: LlamaModel,
    private readonly encoder: EncoderContext,
    readonly contextLength: number,
    private readonly onStep: () => void,
    private readonly onChange: () => void,
  ) {}

  static async create(model: LlamaModel, options: EncoderOptions, onChange: () => void): Promise<EncoderModel> {
    const { kind, contextLength, threads, signal, onStep } = options;
    // A text is read in one batch: each of its tokens looks at all others.
    const shared = { contextSize: contextLength, batchSize: contextLength, threads, createSignal: signal };
    const encoder: EncoderContext =
      kind === 'embeddings' ? { kind, context: await model.createEmbeddingContext(shared) } : { kind, context: await model.createRankingContext(shared) };
    return new EncoderModel(model, encoder, contextLength, onStep, onChange);
  }

  get kind(): EncoderContext['kind'] {
    return this.encoder.kind;
  }

  /** Bytes, the weights; the rest is small. */
  get memory(): number {
    return this.model.size;
  }

  get gpuLayers(): number {
    return this.model.gpuLayers;
  }

  get activeRequests(): number {
    return this.#running.size;
  }

  readonly queuedRequests = 0;

  /** Vectors of unit length. @throws JanError `unsupported`, `invalid-argument`, `context-overflow`, `cancelled` */
  embed(texts: readonly string[], signal: AbortSignal): Promise<EmbedResult> {
    return this.#tracked(async () => {
      const { encoder } = this;
      if (encoder.kind !== 'embeddings') {
        throw new JanError('unsupported', 'This model ranks documents; it has no vectors. Choose a model made for embeddings.');
      }
      let tokens = 0;
      const vectors: string[] = [];
      for (const [index, text] of texts.entries()) {
        const own = await this.#tokenize(text, `Text ${index + 1}`, index);
        if (own.length === 0) {
          throw new JanError('invalid-argument', `Text ${index + 1} is empty, and nothing has no vector. Leave it out.`, { details: { index } });
        }
        const length = encoder.context.calculateInputLength(own);
        this.#checkLength(length, `Text ${index + 1}`, index);
        tokens += length;
        this.#checkGoesOn(signal);
        const { vector } = await encoder.context.getEmbeddingFor(own);
        this.onStep();
        vectors.push(toBase64(ofUnitLength(vector)));
      }
      return { vectors, tokens };
    });
  }

  /** Best first. @throws JanError `unsupported`, `context-overflow`, `cancelled` */
  rank(query: string, documents: readonly string[], topN: number | undefined, signal: AbortSignal): Promise<RankResult> {
    return this.#tracked(async () => {
      const { encoder } = this;
      if (encoder.kind !== 'rerank') {
        throw new JanError('unsupported', 'This model makes vectors; it does not rank documents. Choose a model made for ranking.');
      }
      const queryTokens = await this.#tokenize(query, 'The query');
      let tokens = 0;
      const results: { index: number; score: number }[] = [];
      for (const [index, document] of documents.entries()) {
        const own = await this.#tokenize(document, `Document ${index + 1}`, index);
        const length = encoder.context.calculateInputLength(queryTokens, own);
        this.#checkLength(length, `Document ${index + 1} with the query`, index);
        tokens += length;
        this.#checkGoesOn(signal);
        const score = await encoder.context.rank(queryTokens, own);
        this.onStep();
        results.push({ index, score: Number.isFinite(score) ? Math.min(1, Math.max(0, score)) : 0 });
      }
      return { results: results.sort((a, b) => b.score - a.score || a.index - b.index).slice(0, topN), tokens };
    });
  }

  async dispose(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled(this.#running);
    await this.encoder.context.dispose();
    await this.model.dispose();
  }

  /** Encoders' vocabularies take a text in one go, in native code: it is not given one that can't fit. */
  #tokenize(text: string, what: string, index?: number): Promise<Token[]> {
    if (text.length > this.contextLength * charactersPerToken) {
      throw this.#tooLong(what, `has ${text.length} characters`, { characters: text.length, ...(index === undefined ? {} : { index }) });
    }
    return tokenizeLong(this.model, text, false);
  }

  #checkLength(length: number, what: string, index: number): void {
    if (length >= this.contextLength) {
      throw this.#tooLong(what, `takes ${length} tokens`, { promptTokens: length, index });
    }
  }

  #tooLong(what: string, how: string, details: Readonly<Record<string, number>>): JanError {
    return new JanError('context-overflow', `${what} is too long for this model: it ${how}, and the model reads ${this.contextLength} tokens at most. Split it.`, {
      details: { ...details, contextLength: this.contextLength },
    });
  }

  #checkGoesOn(signal: AbortSignal): void {
    if (signal.aborted || this.#closed) {
      throw new JanError('cancelled', this.#closed ? 'The model was unloaded before it was done. Ask again.' : 'Cancelled.');
    }
  }

  async #tracked<R>(run: () => Promise<R>): Promise<R> {
    const running = run();
    this.#running.add(running);
    this.onChange();
    try {
      return await running;
    } finally {
      this.#running.delete(running);
      this.onChange();
    }
  }
}

function ofUnitLength(vector: readonly number[]): Float32Array {
  const length = Math.hypot(...chunkedNorms(vector));
  return Float32Array.from(vector, (value) => (length > 0 ? value / length : 0));
}

/** `Math.hypot` takes its numbers as arguments, of which there may be only so many. */
function chunkedNorms(vector: readonly number[]): number[] {
  return Array.from({ length: Math.ceil(vector.length / 1024) }, (_, part) => Math.hypot(...vector.slice(part * 1024, (part + 1) * 1024)));
}

/** Little-endian 32-bit floats. */
function toBase64(vector: Float32Array): string {
  const bytes = Buffer.alloc(vector.length * 4);
  vector.forEach((value, index) => bytes.writeFloatLE(value, index * 4));
  return bytes.toString('base64');
}
