import assert from 'node:assert/strict';
import { Emitter } from '../../../src/common/events';
import { isJanError } from '../../../src/common/errors';
import { nullLogger } from '../../../src/common/log';
import { EndpointTokens } from '../../../src/ui/endpointTokens';
import { createEchoCore } from '../gateway/echoCore';

/** A secret storage as two windows share one. */
class SharedSecrets {
  readonly values = new Map<string, string>();
  readonly #changed = new Emitter<{ key: string }>();
  readonly onDidChange = this.#changed.event;
  isBroken = false;

  get(key: string): Promise<string | undefined> {
    return this.isBroken ? Promise.reject(new Error('locked')) : Promise.resolve(this.values.get(key));
  }

  store(key: string, value: string): Promise<void> {
    this.values.set(key, value);
    this.#changed.fire({ key });
    return Promise.resolve();
  }
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('EndpointTokens', () => {
  let secrets: SharedSecrets;
  let tokens: EndpointTokens;
  beforeEach(async () => {
    secrets = new SharedSecrets();
    tokens = new EndpointTokens(secrets, nullLogger);
    await tokens.load();
  });
  afterEach(() => tokens.dispose());

  it('accepts a token until it is revoked, and keeps only its hash', async () => {
    const token = await tokens.create('Continue');
    const other = await tokens.create('Claude Code');
    assert.equal(Buffer.from(token.replace(/^jan-/, ''), 'base64url').length, 32);
    assert.deepEqual([token, other, '', `${token}x`, 'Continue'].map((one) => tokens.isValid(one)), [true, true, false, false, false]);
    const kept = [...secrets.values.values()].join();
    assert.ok(!kept.includes(token) && !kept.includes(token.slice(4)));
    await tokens.revoke('Continue');
    assert.deepEqual([tokens.isValid(token), tokens.isValid(other)], [false, true]);
    assert.deepEqual((await tokens.list()).map(({ name }) => name), ['Claude Code']);
  });

  it('other windows follow', async () => {
    const other = new EndpointTokens(secrets, nullLogger);
    await other.load();
    const token = await tokens.create('a');
    await settled();
    assert.ok(other.isValid(token));
    await other.revoke('a');
    await settled();
    assert.ok(!tokens.isValid(token));
    other.dispose();
  });

  it('accepts none when what is kept can’t be read', async () => {
    const token = await tokens.create('a');
    for (const spoil of [() => (secrets.isBroken = true), () => secrets.values.set('jan.endpoint.tokens', '{'), () => secrets.values.set('jan.endpoint.tokens', '[{"hash":"00"}]')]) {
      spoil();
      const fresh = new EndpointTokens(secrets, nullLogger);
      await fresh.load();
      assert.ok(!fresh.isValid(token));
      fresh.dispose();
      secrets.isBroken = false;
    }
  });

  it('refuses names that are taken, empty or too long', async () => {
    await tokens.create('a');
    for (const name of ['a', '', '  ', 'x'.repeat(41)]) {
      await assert.rejects(tokens.create(name), (error) => isJanError(error, 'invalid-argument'));
    }
  });

  it('opens the endpoint, and a revoked one no longer does', async () => {
    const echoCore = await createEchoCore({ tokens });
    const token = await tokens.create('tool');
    const ask = async (): Promise<number> => (await fetch(`${echoCore.endpoint.url}/models`, { headers: { Authorization: `Bearer ${token}` } })).status;
    assert.equal(await ask(), 200);
    await tokens.revoke('tool');
    assert.equal(await ask(), 401);
    echoCore.dispose();
  });
});
