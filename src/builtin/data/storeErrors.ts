// Turns what a file system says into errors a user can act on.
// Must not know: which operation was under way beyond reading or writing.

import { isJanError, JanError } from '../../common/errors';
import { errorCodeOf } from './storeFiles';

/** The JanError for a file system's error. A JanError passes through. */
export function toStoreError(error: unknown, action: 'read' | 'write', directory: string): JanError {
  if (isJanError(error)) {
    return error;
  }
  const reason = errorCodeOf(error);
  const options = { cause: error, details: { directory, reason: reason || String(error) } };
  if (reason === 'ENOSPC' || reason === 'EDQUOT') {
    return new JanError(
      'disk-full',
      `The disk with your conversations is full, so the last change was not saved. Free some space on the drive of ${directory} and try again.`,
      options,
    );
  }
  if (action === 'write' && (reason === 'EACCES' || reason === 'EPERM' || reason === 'EROFS')) {
    return new JanError(
      'store-read-only',
      `Jan may not write to ${directory}, so the last change was not saved; earlier conversations can still be read. Give your user write permission to that folder and try again.`,
      options,
    );
  }
  if (reason === 'ENOTDIR' || reason === 'EEXIST') {
    return new JanError(
      'store-unavailable',
      `The folder for your conversations cannot be used: ${directory} (or a part of that path) is a file. Move that file away and try again.`,
      options,
    );
  }
  return new JanError(
    'store-unavailable',
    `Your conversations could not be ${action === 'read' ? 'read from' : 'saved to'} ${directory} (${reason || String(error)}). Check that the drive is there and working, then try again.`,
    options,
  );
}

export function writtenByNewerVersion(directory: string): JanError {
  return new JanError(
    'store-read-only',
    'A newer version of Jan has changed your conversations in a way that this version does not know. They can be read; to change them, update Jan in this window and reload it.',
    { details: { directory, reason: 'newer-version' } },
  );
}

export function storeDamaged(directory: string): JanError {
  return new JanError(
    'store-damaged',
    `No intact snapshot of your conversations was found in ${directory}. Nothing was deleted: put back a backup of that folder, or move the folder away to start with an empty one.`,
    { details: { directory } },
  );
}
