// A short list of small, well-known instruction models to begin with. Sizes are those of the repositories in 2026-11
// to the megabyte; what is downloaded is checked against what the repository states then.
// Must not know: the network, this machine.

export interface RecommendedModel {
  readonly name: string;
  readonly description: string;
  readonly repository: string;
  readonly fileName: string;
  /** Bytes, approximately. */
  readonly size: number;
  readonly quantization: string;
  readonly parameters: number;
  /** Tokens. */
  readonly contextLength: number;
  /** Bytes of context memory per token: layers × key-value heads × head length × (key + value) × 2 bytes. */
  readonly contextBytesPerToken: number;
  readonly license: string;
}

export const recommendedModels: readonly RecommendedModel[] = [
  {
    name: 'Qwen2.5 0.5B Instruct',
    description: 'The smallest that holds a conversation. Fast on any machine; simple questions and short texts.',
    repository: 'Qwen/Qwen2.5-0.5B-Instruct-GGUF',
    fileName: 'qwen2.5-0.5b-instruct-q4_k_m.gguf',
    size: 491_000_000,
    quantization: 'Q4_K_M',
    parameters: 494_000_000,
    contextLength: 32_768,
    contextBytesPerToken: 24 * 2 * 64 * 2 * 2,
    license: 'apache-2.0',
  },
  {
    name: 'Llama 3.2 1B Instruct',
    description: 'Small and even-tempered: summaries, rewriting, questions about a text you give it.',
    repository: 'bartowski/Llama-3.2-1B-Instruct-GGUF',
    fileName: 'Llama-3.2-1B-Instruct-Q4_K_M.gguf',
    size: 808_000_000,
    quantization: 'Q4_K_M',
    parameters: 1_236_000_000,
    contextLength: 131_072,
    contextBytesPerToken: 16 * 8 * 64 * 2 * 2,
    license: 'llama3.2',
  },
  {
    name: 'Qwen2.5 Coder 1.5B Instruct',
    description: 'Small and made for code: explains, completes and edits in many languages.',
    repository: 'Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF',
    fileName: 'qwen2.5-coder-1.5b-instruct-q4_k_m.gguf',
    size: 1_117_000_000,
    quantization: 'Q4_K_M',
    parameters: 1_544_000_000,
    contextLength: 32_768,
    contextBytesPerToken: 28 * 2 * 128 * 2 * 2,
    license: 'apache-2.0',
  },
  {
    name: 'Gemma 2 2B Instruct',
    description: 'Writes well for its size; a short context.',
    repository: 'bartowski/gemma-2-2b-it-GGUF',
    fileName: 'gemma-2-2b-it-Q4_K_M.gguf',
    size: 1_709_000_000,
    quantization: 'Q4_K_M',
    parameters: 2_614_000_000,
    contextLength: 8_192,
    contextBytesPerToken: 26 * 4 * 256 * 2 * 2,
    license: 'gemma',
  },
  {
    name: 'Llama 3.2 3B Instruct',
    description: 'A good all-rounder for a laptop: conversation, summaries, instructions.',
    repository: 'bartowski/Llama-3.2-3B-Instruct-GGUF',
    fileName: 'Llama-3.2-3B-Instruct-Q4_K_M.gguf',
    size: 2_019_000_000,
    quantization: 'Q4_K_M',
    parameters: 3_213_000_000,
    contextLength: 131_072,
    contextBytesPerToken: 28 * 8 * 128 * 2 * 2,
    license: 'llama3.2',
  },
  {
    name: 'Phi 3.5 mini Instruct',
    description: 'Strong at reasoning for its size; its context needs much memory.',
    repository: 'bartowski/Phi-3.5-mini-instruct-GGUF',
    fileName: 'Phi-3.5-mini-instruct-Q4_K_M.gguf',
    size: 2_393_000_000,
    quantization: 'Q4_K_M',
    parameters: 3_821_000_000,
    contextLength: 131_072,
    contextBytesPerToken: 32 * 32 * 96 * 2 * 2,
    license: 'mit',
  },
  {
    name: 'Qwen2.5 7B Instruct',
    description: 'Clearly more capable; wants 8 GB of free memory or a graphics card.',
    repository: 'bartowski/Qwen2.5-7B-Instruct-GGUF',
    fileName: 'Qwen2.5-7B-Instruct-Q4_K_M.gguf',
    size: 4_683_000_000,
    quantization: 'Q4_K_M',
    parameters: 7_616_000_000,
    contextLength: 32_768,
    contextBytesPerToken: 28 * 4 * 128 * 2 * 2,
    license: 'apache-2.0',
  },
  {
    name: 'Qwen2.5 Coder 7B Instruct',
    description: 'The best of this list for code; wants 8 GB of free memory or a graphics card.',
    repository: 'Qwen/Qwen2.5-Coder-7B-Instruct-GGUF',
    fileName: 'qwen2.5-coder-7b-instruct-q4_k_m.gguf',
    size: 4_683_000_000,
    quantization: 'Q4_K_M',
    parameters: 7_616_000_000,
    contextLength: 131_072,
    contextBytesPerToken: 28 * 4 * 128 * 2 * 2,
    license: 'apache-2.0',
  },
];
