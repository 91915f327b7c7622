/**
 * Every error code of mini-dynamo, in one place.
 *
 * Outcomes that a caller must handle (a quorum that was not met, a superseded write) are values,
 * not exceptions. A `StoreError` is for what ends an operation: its `code` is stable and part of
 * the public contract, its message names what, where and what to do.
 */

/** All codes of this version. */
export const errorCodes = [
  // The request itself.
  'BAD_REQUEST',
  'MISSING_KEY',
  'KEY_TOO_LARGE',
  'VALUE_TOO_LARGE',
  'METHOD_NOT_ALLOWED',
  'NOT_FOUND',
  'NOT_SUPPORTED',
  'UNSUPPORTED_MEDIA_TYPE',
  'REQUEST_TIMEOUT',
  'HEADERS_TOO_LARGE',
  // Quorums and time.
  'QUORUM_NOT_MET',
  'CLOCK_SKEW',
  'CLOCK_AHEAD',
  'CLOCK_BEHIND',
  'STALE_VERSION',
  'NOT_READY',
  'OVERLOADED',
  'STOPPING',
  'NOT_OWNER',
  'UNKNOWN_NODE',
  // Bytes that are not what they should be.
  'RECORD_INVALID',
  'RECORD_CORRUPT',
  'FORMAT_UNSUPPORTED',
  'FRAME_INVALID',
  'FRAME_TOO_LARGE',
  'LIMIT_EXCEEDED',
  // Disk.
  'DISK_FULL',
  'DISK_READ_FAILED',
  'DISK_WRITE_FAILED',
  'DISK_SYNC_FAILED',
  'DISK_NOT_FOUND',
  'LOG_CORRUPT',
  'DIRECTORY_LOCKED',
  'STORE_CLOSED',
  'HINTS_FULL',
  // Configuration and start.
  'CONFIG_INVALID',
  'PLACEMENT_MISMATCH',
  'ROLLED_BACK',
  'ID_IN_USE',
  'INTERNAL',
] as const;

/** Stable error codes; the HTTP status and the meaning of each are listed in docs/errors.md. */
export type ErrorCode = (typeof errorCodes)[number];

const knownCodes: ReadonlySet<string> = new Set(errorCodes);

/** Whether a text is one of this version's error codes; a newer peer may send others. */
export function isErrorCode(text: string): text is ErrorCode {
  return knownCodes.has(text);
}

/** An error with a stable code. `retryable` says whether the same call may succeed later. */
export class StoreError extends Error {
  readonly code: ErrorCode;
  readonly retryable: boolean;

  constructor(
    code: ErrorCode,
    message: string,
    options: { readonly cause?: unknown; readonly retryable?: boolean } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'StoreError';
    this.code = code;
    this.retryable = options.retryable ?? false;
  }
}

/** The error itself, or one of code `INTERNAL` that has it as its cause. */
export function storeErrorOf(error: unknown): StoreError {
  return error instanceof StoreError
    ? error
    : new StoreError('INTERNAL', errorMessageOf(error), { cause: error });
}

/** The code of a `StoreError`, or `INTERNAL` for anything else that was thrown. */
export function errorCodeOf(error: unknown): ErrorCode {
  return error instanceof StoreError ? error.code : 'INTERNAL';
}

/** The message of whatever was thrown, for logs and replies. */
export function errorMessageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Checks an invariant of our own code; never used on input, wire or disk content. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new StoreError('INTERNAL', `assertion failed: ${message}`);
}
