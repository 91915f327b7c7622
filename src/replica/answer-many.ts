/**
 * A replica's answers to many reads at once: each is judged by itself, as if it had come alone.
 */

import type { ErrorCode } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { MaybePromise } from '../core/maybe-promise.ts';
import type { GetManyAnswer } from '../protocol/many-messages.ts';
import type { Replica } from './replica.ts';

/** One answer for each key, in their order; at once unless one of them has to be waited for. Never rejects. */
export function getMany(
  replica: Replica,
  keys: readonly Uint8Array[],
  want: 'record' | 'digest',
): MaybePromise<readonly GetManyAnswer[]> {
  const answers: GetManyAnswer[] = [];
  for (const key of keys) {
    const answer = replica.get(key, want);
    if (answer instanceof Promise) return getRest(replica, keys.slice(answers.length), want, answers, answer);
    answers.push(answer);
  }
  return answers;
}

/** From the first answer on that has to be waited for: all others are asked for before it is. */
async function getRest(
  replica: Replica,
  [, ...others]: readonly Uint8Array[],
  want: 'record' | 'digest',
  answers: GetManyAnswer[],
  first: Promise<GetManyAnswer>,
): Promise<readonly GetManyAnswer[]> {
  const rest = others.map((key) => replica.get(key, want));
  answers.push(await first);
  for (const answer of rest) answers.push(await answer);
  return answers;
}

/** Answers for a peer: records that have no room in one message are refused, and asked for by themselves. */
export function withinOneMessage(answers: readonly GetManyAnswer[]): readonly GetManyAnswer[] {
  let bytes = 0;
  for (const answer of answers) bytes += recordBytesOf(answer);
  if (bytes <= limits.keysAtOnceBytesMax) return answers;
  bytes = 0;
  return answers.map((answer) => {
    bytes += recordBytesOf(answer);
    return answer.kind !== 'record' || bytes <= limits.keysAtOnceBytesMax ? answer : noRoom;
  });
}

function recordBytesOf(answer: GetManyAnswer): number {
  return answer.kind === 'record' ? answer.record.bytes.length : 0;
}

const noRoom = {
  kind: 'refused',
  code: 'LIMIT_EXCEEDED' satisfies ErrorCode,
  message: 'the records of one answer would be too long; ask for this one alone',
} as const;
