// Entry of the downloader process (dist/downloader.mjs): one download, told over Node's IPC channel, then the end.
// Must not know: VS Code, services, how models are run.

import { toJanError } from '../common/errors';
import { parseDownloadRequest, type DownloadEventMessage } from '../protocol/downloadProtocol';
import { DownloadJobRun } from './downloaderJob';

/** After the host is gone or has asked to stop, this long at most. */
const exitDeadlineMs = 800;

let run: DownloadJobRun | undefined;

function tell(event: DownloadEventMessage): void {
  if (process.connected) {
    process.send!(event, undefined, {}, () => undefined);
  }
}

function exitSoon(): void {
  setTimeout(() => process.exit(0), exitDeadlineMs).unref();
}

process.on('message', (message) => {
  const request = parseDownloadRequest(message);
  if (request?.type === 'stop') {
    run?.stop(request.keepPartial);
  } else if (request?.type === 'start' && run === undefined) {
    run = new DownloadJobRun(request.job, tell);
    void run.run().finally(() => {
      if (process.connected) {
        // Flushes what was told before the channel closes.
        process.disconnect();
      }
      exitSoon();
    });
  }
});

// The host closed, crashed or was killed: keep what has arrived, and go.
process.on('disconnect', () => {
  run?.stop(true);
  exitSoon();
});

// The library writes without waiting: a full disk shows up here.
process.on('unhandledRejection', (reason) => {
  const code = (reason as NodeJS.ErrnoException | undefined)?.code;
  if (typeof code === 'string' && run !== undefined) {
    run.fail(writeError(reason));
  }
});

function writeError(reason: unknown): ReturnType<typeof toJanError> {
  const code = String((reason as NodeJS.ErrnoException).code);
  return code === 'ENOSPC' || code === 'EDQUOT'
    ? toJanError(reason, 'disk-full', 'The disk is full. Free some space, then resume the download; what has arrived is kept.')
    : toJanError(reason, 'download-failed', `The download could not go on (${code}). Check the models folder, then resume.`);
}

process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => {
  run?.stop(true);
  exitSoon();
});

if (process.send === undefined) {
  process.stderr.write('This program is started by Jan for VS Code.\n');
  process.exitCode = 2;
} else {
  tell({ type: 'ready' });
}
