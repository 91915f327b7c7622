/** From a node's HTTP reply to the outcome that checkers judge: nothing is believed that the reply does not say. */

import type { Dot } from '../../../src/core/dot.ts';
import { errorCodes, type ErrorCode } from '../../../src/core/errors.ts';
import { parseEntityTag } from '../../../src/frontends/entity-tag.ts';
import { replyFields, replyMessage } from '../../../src/cli/reply-fields.ts';
import type { NodeReply } from '../../../src/cli/node-client.ts';
import type { ReadOutcome, WriteOutcome } from '../../../src/replica/node-api.ts';
import type { NoAnswer } from '../../../src/sim/history.ts';

type Answer = NodeReply & { readonly kind: 'answered' };

/** A write without a clear word may have taken effect: it is `lost`. */
export function writeOutcomeOf(reply: NodeReply): WriteOutcome | NoAnswer {
  if (reply.kind !== 'answered') return noAnswerOf(reply);
  const dot = dotOf(reply);
  const fields = replyFields(reply.body);
  const counts = { acknowledged: answeredOf(reply), required: requiredOf(reply) };
  if (reply.status === 204 && dot !== undefined) return { kind: 'stored', dot, ...counts };
  const message = replyMessage(reply.body);
  if (fields.get('outcome') === 'not-applied') return { kind: 'refused', code: codeOf(reply), message };
  if (fields.get('outcome') === 'unknown' && dot !== undefined) {
    const code = codeOf(reply) === 'DISK_FULL' ? 'DISK_FULL' : 'QUORUM_NOT_MET';
    return { kind: 'unknown', code, dot, message, ...counts };
  }
  return { kind: 'lost' };
}

export function readOutcomeOf(reply: NodeReply): ReadOutcome | NoAnswer {
  if (reply.kind !== 'answered') return noAnswerOf(reply);
  const dot = dotOf(reply);
  const counts = { answered: answeredOf(reply), required: requiredOf(reply) };
  // What the checkers do not look at, HTTP does not tell.
  const untold = { expiresAtMs: 0, checksum: 0 };
  if (reply.status === 200 && dot !== undefined) {
    const contentType = reply.headers['content-type'] ?? '';
    const version = { dot, value: reply.body, contentType, tombstone: false, ...untold };
    return { kind: 'found', version, ...counts };
  }
  if (reply.status === 404) {
    // Nothing expires here, so a version that is not there is a tombstone.
    const digest = dot === undefined ? undefined : { dot, tombstone: true, ...untold };
    return { kind: 'missing', digest, ...counts };
  }
  return { kind: 'unavailable', code: codeOf(reply), message: replyMessage(reply.body), ...counts };
}

function noAnswerOf(reply: Exclude<NodeReply, Answer>): NoAnswer {
  return { kind: reply.kind === 'unreachable' ? 'not-sent' : 'lost' };
}

function dotOf(reply: Answer): Dot | undefined {
  const { etag } = reply.headers;
  return etag === undefined ? undefined : parseEntityTag(etag);
}

function codeOf(reply: Answer): ErrorCode {
  const said = replyFields(reply.body).get('code');
  return errorCodes.find((code) => code === said) ?? 'INTERNAL';
}

function answeredOf(reply: Answer): number {
  return Number(reply.headers['x-replicas-answered'] ?? 0);
}

function requiredOf(reply: Answer): number {
  return Number(reply.headers['x-replicas-required'] ?? 0);
}
