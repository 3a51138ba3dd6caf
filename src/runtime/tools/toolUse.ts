// What a request's tools mean for its answer: how calls are found in it, and which grammar holds it to them.
// Must not know: slots, text, how grammars are made.

import { JanError } from '../../common/errors';
import type { ChatParams } from '../../protocol/runtimeProtocol';
import type { GrammarJob } from '../sandbox/sandboxJobs';
import { callMarks, ToolCallParser } from './toolCallParser';
import { toolStyleOf } from './toolStyle';

export interface ToolUse {
  readonly parser: ToolCallParser;
  readonly parallel: boolean;
  /** What calls are found by; some models have special tokens for it, which answers else don't say. */
  readonly marks: readonly string[];
  /** `from`: holds the whole answer, or a call from its mark on. `required`: an answer without it is not what was asked. */
  readonly grammar?: { readonly job: GrammarJob; readonly from: 'answer' | 'call'; readonly required: boolean };
}

/**
 * @param ownWords the prompt says in our words how to call, not in those of the template
 * @throws JanError `invalid-argument` for a choice of what is not there
 */
export function toolUseOf(params: ChatParams, template: string, ownWords = false): ToolUse | undefined {
  const { tools = [], toolChoice = 'auto', parallelToolCalls = true } = params;
  const named = typeof toolChoice === 'object' ? tools.filter(({ name }) => name === toolChoice.name) : tools;
  if ((typeof toolChoice === 'object' || toolChoice === 'required') && named.length === 0) {
    const which = typeof toolChoice === 'object' ? `the tool “${toolChoice.name}”` : 'a tool';
    throw new JanError('invalid-argument', `“toolChoice” asks for ${which}, which is not among the request’s tools.`, { details: { field: 'toolChoice' } });
  }
  if (tools.length === 0 || toolChoice === 'none') {
    return undefined;
  }
  const style = toolStyleOf(template, ownWords);
  const parallel = parallelToolCalls && typeof toolChoice !== 'object';
  const job = (opened: boolean): GrammarJob => ({ kind: 'grammar', form: 'tools', tools: named, written: style.written, parallel, opened });
  const forced = toolChoice !== 'auto';
  const marked = style.id === 'hermes' && template.includes('<tool_call>') && !template.includes('<function=');
  return {
    parser: new ToolCallParser(style, tools),
    parallel,
    marks: [...style.openers, ...callMarks],
    ...(forced
      ? { grammar: { job: job(false), from: 'answer', required: true } }
      : marked
        ? { grammar: { job: job(true), from: 'call', required: false } }
        : {}),
  };
}
