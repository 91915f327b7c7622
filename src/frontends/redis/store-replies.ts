/**
 * How the outcomes of the store look to a Redis client.
 *
 * The first word is what programs decide by: `UNKNOWN` (a write that may be there and may still win), `NOQUORUM` (a
 * read that too few replicas answered), `BUSY` (nothing was done, try again later), `ERR` (the request itself
 * is wrong), and otherwise the store's own code. A timed-out write is never called failed.
 */

import { errorCodeOf, errorMessageOf, type ErrorCode } from '../../core/errors.ts';
import type { ReadOutcome, WriteOutcome } from '../../replica/node-api.ts';
import { CommandError, errorReply, nullReply, okReply, type Reply } from './reply.ts';

/** Codes that Redis clients know under another word. */
const words: Partial<Readonly<Record<ErrorCode, string>>> = {
  OVERLOADED: 'BUSY',
  QUORUM_NOT_MET: 'NOQUORUM',
  BAD_REQUEST: 'ERR',
  MISSING_KEY: 'ERR',
  NOT_SUPPORTED: 'ERR',
  INTERNAL: 'ERR',
};

type FailedWrite = Exclude<WriteOutcome, { readonly kind: 'stored' }>;
type FailedRead = Extract<ReadOutcome, { readonly kind: 'unavailable' }>;

/** The text of an error for a code and message of the store. */
export function errorTextOf(code: ErrorCode, message: string): string {
  return `${words[code] ?? code} ${message}`;
}

/** The value, or null. */
export function replyOfRead(outcome: ReadOutcome): Reply {
  switch (outcome.kind) {
    case 'found':
      return { kind: 'bulk', value: outcome.version.value };
    case 'missing':
      return nullReply;
    case 'unavailable':
      return replyOfFailedRead(outcome);
  }
}

export function replyOfFailedRead(outcome: FailedRead): Reply {
  return errorReply(errorTextOf(outcome.code, outcome.message));
}

export function replyOfWrite(outcome: WriteOutcome): Reply {
  return outcome.kind === 'stored' ? okReply : replyOfFailedWrite(outcome);
}

export function replyOfFailedWrite(outcome: FailedWrite): Reply {
  if (outcome.kind === 'refused') return errorReply(errorTextOf(outcome.code, outcome.message));
  return errorReply(`UNKNOWN outcome unknown: ${outcome.message}`);
}

/** The reply for whatever a handler threw. */
export function replyOfThrown(error: unknown): Reply {
  if (error instanceof CommandError) return error.reply;
  return errorReply(errorTextOf(errorCodeOf(error), errorMessageOf(error)));
}

/** The same for a write: the node has been asked, and nobody knows how far it got. */
export function replyOfThrownWrite(error: unknown): Reply {
  return errorReply(`UNKNOWN outcome unknown: ${errorMessageOf(error)}`);
}

/** What a read found; undefined for nothing. Throws `CommandError` when there was no quorum. */
export function versionOf(
  outcome: ReadOutcome,
): Extract<ReadOutcome, { kind: 'found' }>['version'] | undefined {
  if (outcome.kind === 'unavailable') throw new CommandError(errorTextOf(outcome.code, outcome.message));
  return outcome.kind === 'found' ? outcome.version : undefined;
}
