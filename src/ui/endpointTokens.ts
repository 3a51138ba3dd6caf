// Tokens of the endpoint that outlive a window: named, revocable. Only their SHA-256 hashes are kept, in VS Code's
// secret storage, which all windows share; a token itself is shown once. 256 random bits need no slow hash.
// Must not know: the endpoint's server, who asks.

import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type * as vscode from 'vscode';
import { JanError } from '../common/errors';
import { DisposableStore, type Disposable } from '../common/lifecycle';
import type { Logger } from '../common/log';

const secretKey = 'jan.endpoint.tokens';
const maxTokens = 50;
const maxNameLength = 40;

export interface EndpointToken {
  readonly name: string;
  /** Unix time, ms. */
  readonly createdAt: number;
}

interface KeptToken extends EndpointToken {
  /** SHA-256 of the token, hexadecimal. */
  readonly hash: string;
}

export class EndpointTokens implements Disposable {
  readonly #owned = new DisposableStore();
  #kept: readonly KeptToken[] = [];
  #loading: Promise<void> | undefined;

  constructor(
    private readonly secrets: Pick<vscode.SecretStorage, 'get' | 'store' | 'onDidChange'>,
    private readonly log: Logger,
  ) {
    this.#owned.add(
      secrets.onDidChange(({ key }) => {
        if (key === secretKey && this.#loading !== undefined) {
          this.#loading = this.#read();
        }
      }),
    );
  }

  /** Reads what is kept, once; later changes, also of other windows, are followed. */
  load(): Promise<void> {
    this.#loading ??= this.#read();
    return this.#loading;
  }

  /** In constant time for a given number of tokens. Nothing is valid before `load`. */
  isValid(token: string): boolean {
    const digest = createHash('sha256').update(token).digest();
    let isFound = false;
    for (const { hash } of this.#kept) {
      isFound = timingSafeEqual(digest, Buffer.from(hash, 'hex')) || isFound;
    }
    return isFound;
  }

  async list(): Promise<readonly EndpointToken[]> {
    await this.#read();
    return this.#kept.map(({ name, createdAt }) => ({ name, createdAt }));
  }

  /** @returns the token, which can't be had again. @throws JanError `invalid-argument` for a name that is taken, empty or too long */
  async create(name: string): Promise<string> {
    await this.#read();
    const problem = nameProblem(name, this.#kept);
    if (problem !== undefined) {
      throw new JanError('invalid-argument', problemText(problem));
    }
    const token = `jan-${randomBytes(32).toString('base64url')}`;
    const hash = createHash('sha256').update(token).digest('hex');
    await this.#write([...this.#kept, { name, createdAt: Date.now(), hash }]);
    return token;
  }

  /** From now on the token is refused, in this window at once, in others as soon as they hear of it. */
  async revoke(name: string): Promise<void> {
    await this.#read();
    await this.#write(this.#kept.filter((token) => token.name !== name));
  }

  dispose(): void {
    this.#owned.dispose();
    this.#kept = [];
  }

  async #write(tokens: readonly KeptToken[]): Promise<void> {
    await this.secrets.store(secretKey, JSON.stringify(tokens));
    this.#kept = tokens;
  }

  /** What can't be read is as if there were none. */
  async #read(): Promise<void> {
    try {
      const text = await this.secrets.get(secretKey);
      this.#kept = text === undefined ? [] : readTokens(JSON.parse(text));
    } catch (error) {
      this.#kept = [];
      this.log.warn(`The endpoint's tokens could not be read, so none is accepted: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}

export type NameProblem = 'empty' | 'too-long' | 'taken' | 'too-many';

export function nameProblem(name: string, existing: readonly EndpointToken[]): NameProblem | undefined {
  if (name.trim() === '') {
    return 'empty';
  }
  if (name.length > maxNameLength) {
    return 'too-long';
  }
  if (existing.some((token) => token.name === name)) {
    return 'taken';
  }
  return existing.length >= maxTokens ? 'too-many' : undefined;
}

function problemText(problem: NameProblem): string {
  switch (problem) {
    case 'empty':
      return 'A token needs a name.';
    case 'too-long':
      return `A token’s name has at most ${maxNameLength} characters.`;
    case 'taken':
      return 'There is a token of this name. Revoke it first, or choose another name.';
    case 'too-many':
      return `There are ${maxTokens} tokens. Revoke one first.`;
  }
}

function readTokens(value: unknown): readonly KeptToken[] {
  const entries: readonly unknown[] = Array.isArray(value) ? value : [];
  return entries.filter((entry): entry is KeptToken => {
    const { name, createdAt, hash } = (entry ?? {}) as Partial<Record<keyof KeptToken, unknown>>;
    return typeof name === 'string' && typeof createdAt === 'number' && typeof hash === 'string' && /^[0-9a-f]{64}$/.test(hash);
  });
}
