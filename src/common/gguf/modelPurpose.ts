// What a model was made for, by its GGUF header: chatting, embeddings, ranking.
// Must not know: Node, engines.

import type { GgufHeader } from './readGgufHeader';

export type ModelPurpose = 'chat' | 'completion' | 'tools' | 'embeddings' | 'rerank';

/** llama.cpp's architectures that read a text as a whole and write none. */
const encoders = new Set([
  'bert',
  'nomic-bert',
  'nomic-bert-moe',
  'jina-bert-v2',
  'jina-bert-v3',
  'modern-bert',
  'neo-bert',
  'eurobert',
  'gemma-embedding',
  'llama-embed',
  't5encoder',
]);

/** llama.cpp's `LLAMA_POOLING_TYPE_RANK`; 1 to 3 pool to a vector. */
const poolingRank = 4;

export function modelPurposes(header: GgufHeader): ModelPurpose[] {
  const pooling = header.metadata.get(`${header.architecture ?? ''}.pooling_type`);
  if (pooling === poolingRank) {
    return ['rerank'];
  }
  if (encoders.has(header.architecture ?? '') || (typeof pooling === 'number' && pooling >= 1 && pooling <= 3)) {
    return ['embeddings'];
  }
  const template = header.metadata.get('tokenizer.chat_template');
  return typeof template === 'string' && /\btools\b/.test(template) ? ['chat', 'completion', 'tools'] : ['chat', 'completion'];
}
