/**
 * A replica's answers to many writes or reads at once: each is carried out and judged by itself, as if it had come alone.
 */

import type { ErrorCode } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { StoredRecord } from '../core/record.ts';
import type { GetManyAnswer, RefusedRecord } from '../protocol/many-messages.ts';
import type { ArrivalOrigin } from './arrival-memory.ts';
import type { Replica } from './replica.ts';

/** Merges records that this node owns; resolves to those that were refused, once the others are durable. Never rejects. */
export async function putMany(
  replica: Replica,
  records: readonly StoredRecord[],
  options: {
    /** Records were stamped at most so long ago, and by another node; undefined for this node's own. */
    readonly fresh: { readonly ageMsMax: number } | undefined;
    readonly origin: ArrivalOrigin;
  },
): Promise<readonly RefusedRecord[]> {
  const { fresh, origin } = options;
  const replies = await Promise.all(records.map((record) => replica.put(record, undefined, fresh, origin)));
  const refusals: RefusedRecord[] = [];
  for (const [index, reply] of replies.entries()) {
    if (reply.kind === 'refused') refusals.push({ index, code: reply.code, message: reply.message });
    else if (reply.kind !== 'stored') refusals.push({ index, code: 'INTERNAL', message: reply.kind });
  }
  return refusals;
}

/** One answer for each key, in their order. Never rejects. */
export async function getMany(
  replica: Replica,
  keys: readonly Uint8Array[],
  want: 'record' | 'digest',
): Promise<readonly GetManyAnswer[]> {
  return await Promise.all(keys.map((key) => replica.get(key, want)));
}

/** The same for a peer: records that have no room in one message are refused, and asked for by themselves. */
export function withinOneMessage(answers: readonly GetManyAnswer[]): readonly GetManyAnswer[] {
  let bytes = 0;
  return answers.map((answer) => {
    if (answer.kind !== 'record') return answer;
    bytes += answer.record.bytes.length;
    return bytes <= limits.keysAtOnceBytesMax ? answer : noRoom;
  });
}

const noRoom = {
  kind: 'refused',
  code: 'LIMIT_EXCEEDED' satisfies ErrorCode,
  message: 'the records of one answer would be too long; ask for this one alone',
} as const;
