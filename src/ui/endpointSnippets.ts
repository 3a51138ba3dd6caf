// Ready-made texts that make other tools use the endpoint. Pure.
// Must not know: VS Code, how the endpoint is served.

import type { InferenceEndpoint } from '../api/jan';

export interface EndpointSnippet {
  readonly id: 'url' | 'token' | 'environment' | 'curl' | 'python' | 'javascript';
  readonly text: string;
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
  ];
}

/** Single quotes of a POSIX shell: nothing inside has a meaning. */
function shellQuote(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
