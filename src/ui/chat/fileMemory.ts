// Small things that must survive a reload, in a file that is written at once. VS Code's own workspace state is flushed
// seconds later when it runs in a browser, so a reload could forget the open conversation and the unsent text.
// Must not know: what is kept.

import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import * as path from 'node:path';
import type { Disposable } from '../../common/lifecycle';
import type { Logger } from '../../common/log';
import type { ChatMemory } from './composer/drafts';

/** A larger file was not written by us; reading it would block. */
const mostBytes = 8 * 1024 * 1024;

export class FileMemory implements ChatMemory, Disposable {
  #values: Record<string, unknown> | undefined;
  #writing: Promise<void> | undefined;
  #isDirty = false;

  /** @param file created with its folder when something is kept first */
  constructor(
    private readonly file: string,
    private readonly log: Logger,
  ) {}

  get(key: string): unknown {
    return Object.hasOwn(this.#all, key) ? this.#all[key] : undefined;
  }

  /** Resolves when it is written. A disk that refuses is logged: what is kept here is a convenience. */
  update(key: string, value: unknown): Promise<void> {
    this.#all[key] = value;
    this.#isDirty = true;
    return (this.#writing ??= this.#write().finally(() => (this.#writing = undefined)));
  }

  dispose(): void {
    // A write under way may not end before the process does.
    if (this.#isDirty || this.#writing !== undefined) {
      try {
        mkdirSync(path.dirname(this.file), { recursive: true });
        writeFileSync(`${this.file}.last.tmp`, this.#text());
        renameSync(`${this.file}.last.tmp`, this.file);
      } catch (error) {
        this.log.warn('chat: the open conversation and drafts were not kept', error);
      }
    }
  }

  get #all(): Record<string, unknown> {
    return (this.#values ??= this.#read());
  }

  #read(): Record<string, unknown> {
    try {
      const text = readFileSync(this.file, 'utf8');
      const parsed: unknown = text.length > mostBytes ? undefined : JSON.parse(text);
      if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) {
        return { ...parsed };
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
        this.log.warn('chat: what was kept could not be read; beginning afresh', error);
      }
    }
    return {};
  }

  async #write(): Promise<void> {
    try {
      await mkdir(path.dirname(this.file), { recursive: true });
      while (this.#isDirty) {
        this.#isDirty = false;
        // Of this process alone, so that two windows of a folder never tear each other's.
        const draft = `${this.file}.${process.pid}.tmp`;
        await writeFile(draft, this.#text());
        await rename(draft, this.file);
      }
    } catch (error) {
      this.log.warn('chat: the open conversation and drafts were not kept', error);
    }
  }

  #text(): string {
    return JSON.stringify(this.#values ?? {});
  }
}
