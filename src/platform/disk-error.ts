/**
 * What the operating system said about a file, as a `StoreError`: which file, where, and what to do.
 *
 * A full disk is told apart from a failing one because it heals: reads go on, and writes do too once
 * there is space. Except on sync: whatever the reason, a failed sync says nothing about what
 * reached the disk, so it is `DISK_SYNC_FAILED` even when the reason was space.
 */

import { errorMessageOf, StoreError, type ErrorCode } from '../core/errors.ts';

/** Which of the disk's codes an error that has no code of its own becomes. */
export type DiskOperation = 'read' | 'write' | 'sync';

const codeOfOperation: Readonly<Record<DiskOperation, ErrorCode>> = {
  read: 'DISK_READ_FAILED',
  write: 'DISK_WRITE_FAILED',
  sync: 'DISK_SYNC_FAILED',
};

const advice: Readonly<Record<string, string>> = {
  ENOSPC: 'free some space on this file system; writes go on by themselves once there is room',
  EDQUOT: 'raise the disk quota of this user, or free some space; writes then go on by themselves',
  EFBIG: 'raise the file size limit of this process (ulimit -f), then restart the node',
  EROFS: 'the file system is read-only: look into the kernel log for why, and mount it for writing',
  EACCES: 'give the user of this process access to the data directory',
  EPERM: 'give the user of this process access to the data directory',
  EMFILE: 'raise the limit of open files of this process (ulimit -n)',
  ENFILE: 'raise the limit of open files of this machine (fs.file-max)',
  EIO: 'the device reports a failure: look into the kernel log and replace it; the other owners hold the data',
};

/**
 * Wraps what a file system call threw. `action` completes "cannot …", with the full path and offset,
 * e.g. `write 4096 bytes at offset 8192 of /data/n1/log/7.log`.
 */
export function diskError(operation: DiskOperation, action: string, cause: unknown): StoreError {
  const errno = errnoOf(cause);
  const reason = errno === undefined ? errorMessageOf(cause) : errno;
  const whatToDo = (errno === undefined ? undefined : advice[errno]) ?? 'look into the kernel log for why';
  const code = codeFor(operation, errno);
  const message =
    code === 'DISK_NOT_FOUND'
      ? `cannot ${action}: it does not exist (ENOENT)`
      : `cannot ${action}: ${reason}; ${whatToDo}`;
  return new StoreError(code, message, { cause, retryable: code === 'DISK_FULL' });
}

/** The error of an operation on a file that was closed before. */
export function closedFileError(operation: DiskOperation, path: string): StoreError {
  return new StoreError(codeOfOperation[operation], `cannot ${operation} ${path}: the file is closed`);
}

/** The name of the system error, e.g. `ENOSPC`. */
export function errnoOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

function codeFor(operation: DiskOperation, errno: string | undefined): ErrorCode {
  if (operation === 'sync' && errno !== 'ENOENT') return 'DISK_SYNC_FAILED';
  switch (errno) {
    case 'ENOSPC':
    case 'EDQUOT':
    case 'EFBIG':
      return 'DISK_FULL';
    case 'ENOENT':
      return 'DISK_NOT_FOUND';
    default:
      return codeOfOperation[operation];
  }
}
