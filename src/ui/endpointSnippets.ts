// Ready-made texts that make other tools use the endpoint. Pure.
// Must not know: VS Code, how the endpoint is served.

import type { InferenceEndpoint, InferenceModel } from '../api/jan';

export interface EndpointSnippet {
  readonly id: 'url' | 'token' | 'environment' | 'curl' | 'python' | 'javascript' | 'continue' | 'claudeCode';
  readonly text: string;
}

/** The model that examples name: one that chats, loaded or at least on this machine if there is such a one. */
export function chatModelOf(models: readonly InferenceModel[]): InferenceModel | undefined {
  const chatting = models.filter(({ capabilities }) => capabilities?.includes('chat') ?? true);
  const local = chatting.filter(({ remote }) => !remote);
  return local.find(({ loaded }) => loaded) ?? local[0] ?? chatting[0];
}

/** @param modelId the model that examples name */
export function endpointSnippets(endpoint: InferenceEndpoint, modelId: string): readonly EndpointSnippet[] {
  const { url, token } = endpoint;
  const body = JSON.stringify({ model: modelId, messages: [{ role: 'user', content: 'What is Jan?' }] });
  return [
    { id: 'url', text: url },
    { id: 'token', text: token },
    { id: 'environment', text: `export OPENAI_BASE_URL=${shellQuote(url)}\nexport OPENAI_API_KEY=${shellQuote(token)}\n` },
    {
      id: 'curl',
      text: `curl ${shellQuote(`${url}/chat/completions`)} \\\n  -H ${shellQuote(`Authorization: Bearer ${token}`)} \\\n  -H 'Content-Type: application/json' \\\n  -d ${shellQuote(body)}\n`,
    },
    {
      id: 'python',
      text: `from openai import OpenAI

client = OpenAI(base_url=${JSON.stringify(url)}, api_key=${JSON.stringify(token)})
answer = client.chat.completions.create(
    model=${JSON.stringify(modelId)},
    messages=[{"role": "user", "content": "What is Jan?"}],
)
print(answer.choices[0].message.content)
`,
    },
    {
      id: 'javascript',
      text: `import OpenAI from 'openai';

const client = new OpenAI({ baseURL: ${JSON.stringify(url)}, apiKey: ${JSON.stringify(token)} });
const answer = await client.chat.completions.create({
  model: ${JSON.stringify(modelId)},
  messages: [{ role: 'user', content: 'What is Jan?' }],
});
console.log(answer.choices[0].message.content);
`,
    },
    {
      // A file of its own (config.yaml) in Continue's form. JSON strings are YAML strings too.
      id: 'continue',
      text: `name: Jan
version: 0.0.1
schema: v1
models:
  - name: ${JSON.stringify(`${modelId} (Jan)`)}
    provider: openai
    model: ${JSON.stringify(modelId)}
    apiBase: ${JSON.stringify(url)}
    apiKey: ${JSON.stringify(token)}
    roles:
      - chat
      - edit
      - apply
`,
    },
    {
      id: 'claudeCode',
      text: `export ANTHROPIC_BASE_URL=${shellQuote(url.replace(/\/v1$/, ''))}
export ANTHROPIC_AUTH_TOKEN=${shellQuote(token)}
export ANTHROPIC_MODEL=${shellQuote(modelId)}
export ANTHROPIC_DEFAULT_OPUS_MODEL=${shellQuote(modelId)}
export ANTHROPIC_DEFAULT_SONNET_MODEL=${shellQuote(modelId)}
export ANTHROPIC_DEFAULT_HAIKU_MODEL=${shellQuote(modelId)}
export ANTHROPIC_SMALL_FAST_MODEL=${shellQuote(modelId)}
`,
    },
  ];
}

/** Single quotes of a POSIX shell: nothing inside has a meaning. */
function shellQuote(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
