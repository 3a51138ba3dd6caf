// The grammar of calls: the arguments of each are what its tool's schema says.
// Must not know: templates, tokens.

import type { WireTool } from '../../protocol/runtimeProtocol';
import { literal, SchemaGrammar } from '../grammar/jsonSchemaGrammar';
import type { ToolStyle } from './toolStyle';

export interface ToolGrammarInput {
  readonly tools: readonly Pick<WireTool, 'name' | 'parameters'>[];
  readonly written: ToolStyle['written'];
  readonly parallel: boolean;
  /** The mark that opens the first call was said already. */
  readonly opened: boolean;
}

/** Calls in one answer. */
const mostCalls = 16;

/** @throws JanError `invalid-argument` for a schema that can't be held to */
export function toolGrammar({ tools, written, parallel, opened }: ToolGrammarInput): string {
  const grammar = new SchemaGrammar({});
  const calls = tools.map(({ name, parameters = {} }) => {
    const schema = { type: 'object', ...parameters };
    grammar.setWhole(schema);
    const args = grammar.visit(schema, `the parameters of “${name}”`, 0);
    return `${literal(`{"name": ${JSON.stringify(name)}, "${written.argumentsKey}": `)} ${args} "}"`;
  });
  const call = `(${calls.join(' | ')})`;
  const whole = (open: string): string => `${open} ${call} ${literalOrNothing(written.close)}`;
  const more = parallel ? `(${literalOrNothing(written.between)} ${whole(literalOrNothing(written.open))}){0,${mostCalls - 1}}` : '';
  const first = whole(opened ? '[ \\n]{0,2}' : literalOrNothing(written.open));
  return grammar.text([opened ? '' : literalOrNothing(written.before), first, more, literalOrNothing(written.after)].join(' '));
}

function literalOrNothing(text: string): string {
  return text === '' ? '' : literal(text);
}
