import assert from 'node:assert/strict';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { runtimeDirectory } from '../../../../src/builtin/inference/runtimeDirectory';
import { skipOnWindows } from '../../../fixtures/skipOnWindows';

describe('the folder of the engine', () => {
  const before = process.env['XDG_RUNTIME_DIR'];
  let session: string;

  beforeEach(async () => {
    session = await mkdtemp(path.join(os.tmpdir(), 'jan-xdg-'));
  });
  afterEach(async () => {
    setSession(before);
    await rm(session, { recursive: true, force: true });
  });

  function setSession(folder: string | undefined): void {
    if (folder === undefined) {
      delete process.env['XDG_RUNTIME_DIR'];
    } else {
      process.env['XDG_RUNTIME_DIR'] = folder;
    }
  }

  const baseWith = (folder: string | undefined): string => {
    setSession(folder);
    return path.dirname(runtimeDirectory('/storage'));
  };

  it('lies in the one of the user’s session, where there is one', function () {
    skipOnWindows(this, 'there are no such folders');
    assert.equal(baseWith(session), session);
  });

  it('lies where others’ temporary files do when that one is not there or no folder', async () => {
    const file = path.join(session, 'file');
    await writeFile(file, '');
    for (const folder of [undefined, '', '.', path.join(session, 'gone'), file]) {
      assert.equal(baseWith(folder), os.tmpdir(), folder);
    }
  });

  it('does so too when it is another user’s, or not to be written to', async function () {
    skipOnWindows(this, 'there are no such folders');
    const { getuid } = process;
    try {
      process.getuid = () => getuid!() + 1;
      assert.equal(baseWith(session), os.tmpdir());
    } finally {
      process.getuid = getuid;
    }
    if (getuid!() !== 0) {
      // To root, writing is never refused.
      await chmod(session, 0o500);
      assert.equal(baseWith(session), os.tmpdir());
    }
  });
});
