import assert from 'node:assert/strict';
import { PassThrough, Writable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { StreamMessageReader, type Message } from 'vscode-jsonrpc/node';
import { WholeMessageWriter } from '../../../src/protocol/messageWriter';

describe('writer of JSON-RPC messages', () => {
  it('writes each message in one piece, which the library’s reader understands', async () => {
    const stream = new PassThrough();
    const pieces: Buffer[] = [];
    stream.on('data', (piece: Buffer) => pieces.push(piece));
    const received: Message[] = [];
    new StreamMessageReader(stream).listen((message) => received.push(message));
    const sent = [{ jsonrpc: '2.0', method: 'text', params: 'żółw 🐢 \r\n\r\n' }, { jsonrpc: '2.0', id: 7, result: {} }];
    const writer = new WholeMessageWriter(stream);
    await Promise.all(sent.map((message) => writer.write(message)));
    await nextTurn();
    assert.equal(pieces.length, 2);
    assert.deepEqual(received, sent);
  });

  it('says that nobody reads any more, to who wrote and to who listens', async () => {
    const failing = new Writable({ write: (_piece, _encoding, done) => done(new Error('gone')) });
    const writer = new WholeMessageWriter(failing);
    const told: string[] = [];
    writer.onError(([error]) => told.push(error.message));
    const closed = new Promise((resolve) => writer.onClose(resolve as () => void));
    await assert.rejects(writer.write({ jsonrpc: '2.0' }), /gone/);
    await closed;
    assert.ok(told.length > 0 && told.every((message) => message === 'gone'));
  });
});
