/**
 * Paths of the disk port: relative to the data directory, `/` between the parts, never out of it.
 *
 * The check is on the text alone and is the same for real and simulated disks, so that a path which
 * one refuses never works on the other.
 */

import { StoreError } from '../core/errors.ts';

/** Longest path, in characters: file systems stop at 255 bytes a name and 4096 a path. */
const pathLengthMax = 1024;

/** Returns the path unchanged, or throws `BAD_REQUEST`. The empty path is the data directory itself. */
export function checkDiskPath(path: string): string {
  if (path === '') return path;
  // A NUL ends the name early in C; a backslash or a drive letter means something on Windows.
  const isPlain = path.length <= pathLengthMax && /^[\x20-\x7e]+$/.test(path) && !/[\\:]/.test(path);
  if (!isPlain || path.split('/').some((part) => part === '' || part === '.' || part === '..')) {
    throw new StoreError(
      'BAD_REQUEST',
      `${JSON.stringify(path.slice(0, 100))} is not a path inside the data directory: name a file or folder ` +
        'below it by printable ASCII parts with "/" between them, none of them empty, "." or ".."',
    );
  }
  return path;
}
