/**
 * The one table from error code to HTTP status, and when to come back.
 *
 * 4xx: the request itself is at fault, and sending it again changes nothing. 503: this node or its
 * quorum cannot do it now; 507: there is no space. A code that clients may retry carries the
 * seconds of its `Retry-After`. `docs/errors.md` lists the meaning of each code.
 */

import type { ErrorCode } from '../core/errors.ts';

export interface HttpStatus {
  readonly status: number;
  /** Undefined where the same request cannot succeed later without a change. */
  readonly retryAfterSeconds?: number;
}

// One second: longer than an election of routes after a node's death, shorter than a user's patience.
const soon = 1;
// Space is freed by compaction or by a person, not within a second.
const later = 10;

const statuses: Readonly<Record<ErrorCode, HttpStatus>> = {
  BAD_REQUEST: { status: 400 },
  MISSING_KEY: { status: 400 },
  KEY_TOO_LARGE: { status: 414 },
  VALUE_TOO_LARGE: { status: 413 },
  METHOD_NOT_ALLOWED: { status: 405 },
  NOT_FOUND: { status: 404 },
  NOT_SUPPORTED: { status: 501 },
  UNSUPPORTED_MEDIA_TYPE: { status: 415 },
  REQUEST_TIMEOUT: { status: 408 },
  HEADERS_TOO_LARGE: { status: 431 },
  QUORUM_NOT_MET: { status: 503, retryAfterSeconds: soon },
  CLOCK_SKEW: { status: 400 },
  CLOCK_AHEAD: { status: 503, retryAfterSeconds: soon },
  CLOCK_BEHIND: { status: 503, retryAfterSeconds: soon },
  STALE_VERSION: { status: 503 },
  NOT_READY: { status: 503, retryAfterSeconds: soon },
  OVERLOADED: { status: 503, retryAfterSeconds: soon },
  STOPPING: { status: 503, retryAfterSeconds: soon },
  NOT_OWNER: { status: 503, retryAfterSeconds: soon },
  UNKNOWN_NODE: { status: 400 },
  RECORD_INVALID: { status: 400 },
  RECORD_CORRUPT: { status: 503 },
  FORMAT_UNSUPPORTED: { status: 500 },
  FRAME_INVALID: { status: 500 },
  FRAME_TOO_LARGE: { status: 413 },
  LIMIT_EXCEEDED: { status: 400 },
  DISK_FULL: { status: 507, retryAfterSeconds: later },
  DISK_READ_FAILED: { status: 503 },
  DISK_WRITE_FAILED: { status: 503 },
  DISK_SYNC_FAILED: { status: 503 },
  DISK_NOT_FOUND: { status: 503 },
  LOG_CORRUPT: { status: 503 },
  DIRECTORY_LOCKED: { status: 500 },
  STORE_CLOSED: { status: 503, retryAfterSeconds: soon },
  HINTS_FULL: { status: 503, retryAfterSeconds: later },
  CONFIG_INVALID: { status: 500 },
  PLACEMENT_MISMATCH: { status: 503, retryAfterSeconds: soon },
  ROLLED_BACK: { status: 503, retryAfterSeconds: soon },
  ID_IN_USE: { status: 500 },
  INTERNAL: { status: 500 },
};

/** The HTTP status of an error code. */
export function httpStatusOf(code: ErrorCode): HttpStatus {
  return statuses[code];
}
