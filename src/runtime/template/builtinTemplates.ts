// Chat templates for models whose file has none, or names one. Pure data.
// Must not know: llama.cpp, how templates are rendered.

/** As many models use; chosen for those that have its tokens. */
export const chatMl = `{%- for message in messages -%}
{{ '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\\n' }}{%- endif -%}`;

/** RWKV's World models: a blank line ends a turn. Source: BlinkDL/ChatRWKV, and llama.cpp's template of that name. */
export const rwkvWorld = `{%- for message in messages -%}
{%- set content = message.content | trim -%}
{%- if message.role == 'system' -%}{{ 'System: ' + content + '\\n\\n' }}
{%- elif message.role == 'assistant' -%}{{ 'Assistant: ' + content + '\\n\\n' }}
{%- else -%}{{ 'User: ' + content + '\\n\\n' }}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ 'Assistant:' }}{%- endif -%}`;

/** For all others. */
export const general = `{%- for message in messages -%}
{%- if message.role == 'system' -%}{{ message.content + '\\n\\n' }}
{%- elif message.role == 'assistant' -%}{{ '### Assistant\\n' + message.content + '\\n\\n' }}
{%- else -%}{{ '### Human\\n' + message.content + '\\n\\n' }}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ '### Assistant\\n' }}{%- endif -%}`;

/** @param stated in the model's file; some name a template instead of holding one */
export function templateSource(stated: string | undefined, hasChatMlTokens: boolean): string {
  if (stated !== undefined && stated.includes('{')) {
    return stated;
  }
  if (stated?.trim() === 'rwkv-world') {
    return rwkvWorld;
  }
  return hasChatMlTokens ? chatMl : general;
}
