// How a model writes a call of a tool, as its chat template shows. Sources: the model cards of the families named.
// Must not know: tokens, requests.

export interface ToolStyle {
  readonly id: 'hermes' | 'mistral' | 'llama' | 'deepseek' | 'functools';
  /** What begins a call, or a list of calls, within a text; ours too, which any model may have been told of. */
  readonly openers: readonly string[];
  /** May an answer be a call without any mark? */
  readonly bare: boolean;
  /** How a call is written when a grammar holds the model to it. */
  readonly written: { readonly before: string; readonly open: string; readonly argumentsKey: string; readonly close: string; readonly between: string; readonly after: string };
}

const plain = { before: '', open: '', argumentsKey: 'arguments', close: '', between: '', after: '' };

/** Hermes, Qwen 2.5 and 3, SmolLM, and models without a form of their own. */
export const hermes: ToolStyle = {
  id: 'hermes',
  openers: ['<tool_call>'],
  bare: true,
  written: { ...plain, open: '<tool_call>\n', close: '\n</tool_call>', between: '\n' },
};

/** Qwen's coder and Qwen 3.5: XML within the mark, which they leave out at times. */
export const coder: ToolStyle = { ...hermes, openers: ['<tool_call>', '<function='] };

/** Mistral: `[TOOL_CALLS][{…}]`, later `[TOOL_CALLS]name[ARGS]{…}`. */
export const mistral: ToolStyle = {
  id: 'mistral',
  openers: ['[TOOL_CALLS]', '<tool_call>'],
  bare: true,
  written: { ...plain, before: '[TOOL_CALLS][', between: ', ', after: ']' },
};

/** Llama 3.1 and later: the answer is the call, with `parameters`. */
export const llama: ToolStyle = {
  id: 'llama',
  openers: ['<|python_tag|>', '<tool_call>'],
  bare: true,
  written: { ...plain, argumentsKey: 'parameters', between: '; ' },
};

/** DeepSeek V3 and R1. */
export const deepseek: ToolStyle = {
  id: 'deepseek',
  openers: ['<｜tool▁calls▁begin｜>', '<｜tool▁call▁begin｜>', '<tool_call>'],
  bare: true,
  written: hermes.written,
};

/** Phi 4 mini, Granite: a list after a word of their own. */
export const functools: ToolStyle = {
  id: 'functools',
  openers: ['functools', '<|tool_call|>', '<tool_call>'],
  bare: true,
  written: { ...plain, before: 'functools[', between: ', ', after: ']' },
};

/** @param ownWords the model was told in our words how to call, not in those of its template */
export function toolStyleOf(template: string, ownWords = false): ToolStyle {
  const style = styleOf(template);
  // A model may still call in the form that it was taught.
  return ownWords ? { ...style, written: hermes.written } : style;
}

function styleOf(template: string): ToolStyle {
  if (template.includes('[TOOL_CALLS]')) {
    return mistral;
  }
  if (template.includes('<｜tool▁calls▁begin｜>')) {
    return deepseek;
  }
  if (template.includes('<tool_call>')) {
    return template.includes('<function=') ? coder : hermes;
  }
  if (template.includes('<|python_tag|>') || (template.includes('<|start_header_id|>') && template.includes('parameters'))) {
    return llama;
  }
  return template.includes('functools') || template.includes('<|tool_call|>') ? functools : hermes;
}
