import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { promisify } from 'node:util';
import type { InferenceModel } from '../../../src/api/jan';
import { chatModelOf, endpointSnippets, type EndpointSnippet } from '../../../src/ui/endpointSnippets';
import { createEchoCore, echoModel } from '../gateway/echoCore';
import { skipOnWindows } from '../../fixtures/skipOnWindows';

const endpoint = { url: 'http://127.0.0.1:43567/v1', token: "to'ken $HOME `x`" };

function snippet(id: EndpointSnippet['id'], modelId = 'qwen'): string {
  return endpointSnippets(endpoint, modelId).find((candidate) => candidate.id === id)?.text ?? '';
}

describe('endpointSnippets', () => {
  it('sets the environment of a shell to exactly these values', function () {
    skipOnWindows(this, 'there is no POSIX shell on Windows');
    const script = `${snippet('environment')}\nprintf '%s\\n%s' "$OPENAI_BASE_URL" "$OPENAI_API_KEY"`;
    assert.equal(execFileSync('/bin/sh', ['-c', script], { encoding: 'utf8' }), `${endpoint.url}\n${endpoint.token}`);
  });

  it('makes a curl command whose arguments arrive whole', function () {
    skipOnWindows(this, 'there is no POSIX shell on Windows');
    const script = `curl() { for a; do printf '%s\\0' "$a"; done; }\n${snippet('curl', "it's")}`;
    const given = execFileSync('/bin/sh', ['-c', script], { encoding: 'utf8' }).split('\0');
    assert.equal(given[0], `${endpoint.url}/chat/completions`);
    assert.ok(given.includes(`Authorization: Bearer ${endpoint.token}`));
    const body = JSON.parse(given[given.indexOf('-d') + 1] ?? '') as { model: string };
    assert.equal(body.model, "it's");
  });

  it('makes a curl command that the endpoint answers', async function () {
    skipOnWindows(this, 'there is no POSIX shell on Windows');
    const echoCore = await createEchoCore();
    const text = endpointSnippets(echoCore.endpoint, echoModel.id).find(({ id }) => id === 'curl')!.text;
    const { stdout } = await promisify(execFile)('/bin/sh', ['-c', text]);
    echoCore.dispose();
    assert.equal((JSON.parse(stdout) as { choices: { message: { content: string } }[] }).choices[0]?.message.content, 'What is Jan?');
  });

  it('names the address, the token and the model to Continue and Claude Code', () => {
    const text = snippet('continue', 'a"b');
    for (const value of [endpoint.url, endpoint.token, 'a"b']) {
      assert.ok(text.includes(JSON.stringify(value)), `lacks ${value}`);
    }
    // The last one is the older name of the one for small work.
    for (const name of ['DEFAULT_OPUS_MODEL', 'DEFAULT_SONNET_MODEL', 'DEFAULT_HAIKU_MODEL', 'SMALL_FAST_MODEL']) {
      assert.ok(snippet('claudeCode').includes(`export ANTHROPIC_${name}=qwen\n`), `lacks ${name}`);
    }
    if (process.platform !== 'win32') {
      const script = `${snippet('claudeCode')}\nprintf '%s\\n%s\\n%s' "$ANTHROPIC_BASE_URL" "$ANTHROPIC_AUTH_TOKEN" "$ANTHROPIC_MODEL"`;
      assert.equal(execFileSync('/bin/sh', ['-c', script], { encoding: 'utf8' }), `http://127.0.0.1:43567\n${endpoint.token}\nqwen`);
    }
  });

  it('names a model that chats, one on this machine and loaded if there is', () => {
    const model = (id: string, more: Partial<InferenceModel>): InferenceModel => ({ ...echoModel, id, loaded: false, ...more });
    const embedding = model('embedding', { loaded: true, capabilities: ['embeddings'] });
    const remote = model('remote', { loaded: true, remote: true });
    const resting = model('resting', {});
    const ready = model('ready', { loaded: true, capabilities: ['chat', 'completion', 'tools'] });
    assert.equal(chatModelOf([embedding, remote, resting, ready])?.id, 'ready');
    assert.equal(chatModelOf([embedding, remote, resting])?.id, 'resting');
    assert.equal(chatModelOf([embedding, remote])?.id, 'remote');
    assert.equal(chatModelOf([embedding]), undefined);
  });

  it('names the address, the token and the model in programs', () => {
    for (const id of ['python', 'javascript'] as const) {
      const text = snippet(id, 'a"b');
      for (const value of [endpoint.url, endpoint.token, 'a"b']) {
        assert.ok(text.includes(JSON.stringify(value)), `${id} lacks ${value}`);
      }
    }
    assert.equal(snippet('url'), endpoint.url);
    assert.equal(snippet('token'), endpoint.token);
  });
});
