/** The same operation on several keys of one command, a bounded number of them at once. */

import { limits } from '../../core/limits.ts';
import type { PutRequest, ReadOutcome } from '../../replica/node-api.ts';
import type { Reply } from './reply.ts';
import type { Session } from './session.ts';

/** Reads keys in one go; resolves to their outcomes in order. */
export function readTogether(session: Session, keys: readonly Buffer[]): Promise<ReadOutcome[]> {
  const outcomes: ReadOutcome[] = [];
  let missing = keys.length;
  const requests = keys.map((key) => ({ key, client: session }));
  return new Promise((resolve) => {
    session.node.together.get(requests, (index, outcome) => {
      outcomes[index] = outcome;
      if (--missing === 0) resolve(outcomes);
    });
  });
}

/** Writes in one go, each by itself; resolves to the replies in order. */
export function writeTogether(session: Session, requests: readonly PutRequest[]): Promise<Reply[]> {
  const replies: Reply[] = [];
  let missing = requests.length;
  return new Promise((resolve) => {
    session.node.together.put(requests, (index, outcome) => {
      replies[index] = session.onWritten(outcome);
      if (--missing === 0) resolve(replies);
    });
  });
}

/** Runs the operation for each item; resolves to the results in order, or rejects with the first failure. */
export async function forEachKey<Item, Result>(
  items: readonly Item[],
  operation: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  let next = 0;
  let failed = false;
  async function work(): Promise<void> {
    while (next < items.length && !failed) {
      const index = next++;
      const item = items[index];
      if (item === undefined) continue;
      try {
        results[index] = await operation(item);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  }
  const workers = Math.min(items.length, limits.redisKeysAtOnceMax);
  // All are waited for, so that nothing of a refused command is still under way behind its reply.
  const ended = await Promise.allSettled(Array.from({ length: workers }, work));
  for (const result of ended) if (result.status === 'rejected') throw result.reason;
  return results;
}

/** The words, each once. */
export function distinct(words: readonly Buffer[]): Buffer[] {
  return [...new Map(words.map((word) => [word.toString('latin1'), word])).values()];
}
