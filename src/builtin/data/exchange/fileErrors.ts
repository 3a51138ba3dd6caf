// Turns what a file system says about a file that the user chose into errors they can act on.
// Must not know: what the file holds.

import { isJanError, JanError } from '../../../common/errors';

/** A JanError passes through. */
export function toFileError(error: unknown, file: string, action: 'read' | 'write'): JanError {
  if (isJanError(error)) {
    return error;
  }
  const reason = String((error as NodeJS.ErrnoException).code ?? error);
  const options = { cause: error, details: { file, reason } };
  if (reason === 'ENOSPC' || reason === 'EDQUOT') {
    return new JanError('disk-full', `There is no space left for “${file}”. Free some, or choose another drive, and export again.`, options);
  }
  const why =
    {
      ENOENT: 'it is not there',
      EACCES: 'you have no permission',
      EPERM: 'you have no permission',
      EROFS: 'the drive is read-only',
      EISDIR: 'it is a folder',
      ENOTDIR: 'a part of its path is a file',
      ENAMETOOLONG: 'its name is too long',
    }[reason] ?? reason;
  const text =
    action === 'read'
      ? `“${file}” can’t be read: ${why}. Check it and import it again.`
      : `“${file}” can’t be written: ${why}. Choose another place and export again.`;
  return new JanError('invalid-argument', text, options);
}
