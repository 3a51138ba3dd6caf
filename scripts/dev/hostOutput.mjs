// The launcher's end of hostTestsInServer.cjs: receives what the extension host prints and notices when the host dies.
// It must not know how VS Code is started.

import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { StringDecoder } from 'node:string_decoder';

/**
 * @param {string} folder a private folder for the socket
 * @param {{ onText: (text: string) => void, onStart: () => void, onDeath: () => void }} listener `onDeath` is called
 *   when the host's end closed without the word that its tests had ended
 * @returns {Promise<{ path: string, close: () => void }>}
 */
export async function listenToHost(folder, { onText, onStart, onDeath }) {
  const socketPath =
    process.platform === 'win32' ? `\\\\.\\pipe\\jan-launcher-${process.pid}` : path.join(folder, 'host.sock');
  fs.rmSync(socketPath, { force: true });
  const server = net.createServer((socket) => {
    onStart();
    const decoder = new StringDecoder('utf8');
    let ended = false;
    socket.on('data', (chunk) => {
      const text = decoder.write(chunk);
      ended ||= text.includes('\0ended');
      onText(text.replace('\0ended', ''));
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      if (!ended) {
        onDeath();
      }
    });
  });
  server.listen(socketPath);
  await once(server, 'listening');
  return { path: socketPath, close: () => server.close() };
}
