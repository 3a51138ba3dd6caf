import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { endpointSnippets, type EndpointSnippet } from '../../../src/ui/endpointSnippets';

const endpoint = { url: 'http://127.0.0.1:43567/v1', token: "to'ken $HOME `x`" };

function snippet(id: EndpointSnippet['id'], modelId = 'qwen'): string {
  return endpointSnippets(endpoint, modelId).find((candidate) => candidate.id === id)?.text ?? '';
}

describe('endpointSnippets', () => {
  it('sets the environment of a shell to exactly these values', function () {
    if (process.platform === 'win32') {
      console.log('skipped: there is no POSIX shell on Windows');
      this.skip();
    }
    const script = `${snippet('environment')}\nprintf '%s\\n%s' "$OPENAI_BASE_URL" "$OPENAI_API_KEY"`;
    assert.equal(execFileSync('/bin/sh', ['-c', script], { encoding: 'utf8' }), `${endpoint.url}\n${endpoint.token}`);
  });

  it('makes a curl command whose arguments arrive whole', function () {
    if (process.platform === 'win32') {
      console.log('skipped: there is no POSIX shell on Windows');
      this.skip();
    }
    const script = `curl() { for a; do printf '%s\\0' "$a"; done; }\n${snippet('curl', "it's")}`;
    const given = execFileSync('/bin/sh', ['-c', script], { encoding: 'utf8' }).split('\0');
    assert.equal(given[0], `${endpoint.url}/chat/completions`);
    assert.ok(given.includes(`Authorization: Bearer ${endpoint.token}`));
    const body = JSON.parse(given[given.indexOf('-d') + 1] ?? '') as { model: string };
    assert.equal(body.model, "it's");
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
