// What host tests share: the API as the sample companion gets it, and the way errors are checked.
// Must not know: what is tested.

import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import type { JanApi, JanErrorCode } from '../../src/api/jan';

/** The API through the door that any other extension uses. */
export async function apiOfCompanion(): Promise<JanApi> {
  const companion = vscode.extensions.getExtension<{ api: JanApi }>('janhq.jan-sample-plugin');
  assert.ok(companion, 'the sample companion is loaded');
  return (await companion.activate()).api;
}

/** The call must reject with a JanError of this code whose message says something to a person. */
export async function rejects(call: Promise<unknown>, code: JanErrorCode, api: JanApi): Promise<void> {
  await assert.rejects(call, (error) => {
    assert.ok(api.isJanError(error), `a JanError, not ${String(error)}`);
    assert.equal(error.code, code, `${error.code}: ${error.message}`);
    assert.ok(error.message.length > 10, error.message);
    return true;
  });
}

/** Resolves with the first event that is accepted; fails after ten seconds, naming what it waited for. */
export function eventually<T>(event: vscode.Event<T>, what: string, accepts: (value: T) => boolean = () => true): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      subscription.dispose();
      reject(new Error(`Waited 10 s in vain for ${what}.`));
    }, 10_000);
    const subscription = event((value) => {
      if (accepts(value)) {
        clearTimeout(timer);
        subscription.dispose();
        resolve(value);
      }
    });
  });
}
