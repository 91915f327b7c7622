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
  const answers = new Array<GetManyAnswer>(keys.length);
  let waits: Promise<void>[] | undefined;
  for (const [index, key] of keys.entries()) {
    const answer = replica.get(key, want);
    if (answer instanceof Promise) {
      waits ??= [];
      waits.push(
        answer.then((later) => {
          answers[index] = later;
        }),
      );
    } else {
      answers[index] = answer;
    }
  }
  return waits === undefined ? answers : Promise.all(waits).then(() => answers);
}

/** Answers for a peer: records that have no room in one message are refused, and asked for by themselves. */
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
