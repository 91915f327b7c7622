/**
 * What the `classic-level` package throws, as `StoreError`s with the codes of errors.ts.
 *
 * LevelDB reports a failed write and a failed sync alike, as an I/O error with the system's words. Such an
 * error is taken for the worse of the two; only a lack of space is told apart, by those words.
 */

import { errorMessageOf, StoreError, type ErrorCode } from '../core/errors.ts';

export type DatabaseOperation = 'open' | 'read' | 'write';

/** How the C library words ENOSPC, EDQUOT and EFBIG. */
const lackOfSpace = /No space left on device|Disk quota exceeded|File too large/;

const codeOfOperation: Readonly<Record<DatabaseOperation, ErrorCode>> = {
  open: 'DISK_READ_FAILED',
  read: 'DISK_READ_FAILED',
  write: 'DISK_SYNC_FAILED',
};

const codeOfCorruption: Readonly<Record<DatabaseOperation, ErrorCode>> = {
  open: 'LOG_CORRUPT',
  read: 'RECORD_CORRUPT',
  write: 'LOG_CORRUPT',
};

const advice: Partial<Readonly<Record<ErrorCode, string>>> = {
  DISK_FULL: 'free some space on this file system; writes go on by themselves once there is room',
  DISK_READ_FAILED: 'look into the kernel log for why',
  DISK_SYNC_FAILED: 'look into the kernel log for why, then restart the node',
  RECORD_CORRUPT: 'the other owners hold the data',
  LOG_CORRUPT:
    'restore it from a backup, or move the whole data directory away and start empty: the other owners then refill this node',
  DIRECTORY_LOCKED:
    'another process uses this database: stop it, or give this node a data directory of its own',
};

/** Wraps an error of the package; a `StoreError` stays as it is. */
export function databaseError(operation: DatabaseOperation, location: string, cause: unknown): StoreError {
  if (cause instanceof StoreError) return cause;
  const causes = chainOf(cause);
  const reason = errorMessageOf(causes.at(-1));
  const code = codeFor(operation, causes, reason);
  return new StoreError(
    code,
    `cannot ${operation} the database ${location}: ${reason}; ${advice[code] ?? ''}`,
    {
      cause,
      retryable: code === 'DISK_FULL',
    },
  );
}

function codeFor(operation: DatabaseOperation, causes: readonly unknown[], reason: string): ErrorCode {
  const packageCodes = causes.map(packageCodeOf);
  if (packageCodes.includes('LEVEL_LOCKED')) return 'DIRECTORY_LOCKED';
  if (packageCodes.includes('LEVEL_CORRUPTION')) return codeOfCorruption[operation];
  return lackOfSpace.test(reason) ? 'DISK_FULL' : codeOfOperation[operation];
}

/** The error and what caused it: a failed open hides its reason two levels down. */
function chainOf(error: unknown): readonly unknown[] {
  const chain: unknown[] = [error];
  while (error instanceof Error && error.cause !== undefined && chain.length < 5) {
    error = error.cause;
    chain.push(error);
  }
  return chain;
}

function packageCodeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
