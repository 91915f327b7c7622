/**
 * A repair on an operator's word: this node and every other owner that is up heal themselves from each other now,
 * whatever the sums say.
 *
 * Each side still only pulls. A peer is asked with `compare-now`, again and again until it says that it is done; what was
 * fetched on both sides is the result.
 */

import { errorMessageOf } from '../core/errors.ts';
import { sleep } from '../ports/clock.ts';
import type { AntiEntropy, ForcedRound } from './anti-entropy.ts';
import type { RepairedPeer, RepairReport } from './anti-entropy-status.ts';
import type { Coordination } from './coordination.ts';
import { sharedPartitions } from './owned-partitions.ts';
import type { OwnerExchange } from './owner-exchange.ts';

/** How often a repair looks how far it is. */
const pollMs = 50;

export interface RepairOptions {
  readonly coordination: Coordination;
  readonly antiEntropy: AntiEntropy;
  /** Partitions to compare; all that this node owns when it is undefined. */
  readonly partitions: readonly number[] | undefined;
  /** Hears how far it is, again and again. */
  readonly onProgress: (report: RepairReport) => void;
  /** Ends the waiting; what was begun goes on. */
  readonly signal: AbortSignal;
}

/** Resolves when every owner is done, has failed, or can't be reached. Never rejects. */
export async function repair(options: RepairOptions): Promise<RepairReport> {
  const { coordination, partitions } = options;
  const { placement, config, random, isUp } = coordination;
  const session = 1 + random.below(0xffff_fffe);
  const shared = [...sharedPartitions(placement, config.id)].flatMap(([peer, both]) => {
    const wanted = both.filter((partition) => partitions?.includes(partition) ?? true);
    return wanted.length === 0 ? [] : [{ peer, wanted }];
  });
  const peers = shared.map(({ peer, wanted }): RepairedPeer => ({
    peer,
    partitions: wanted.length,
    state: isUp(peer) ? 'running' : 'unreachable',
    fetched: 0,
    sent: 0,
    error: '',
  }));
  const report: RepairReport = { peers };
  await Promise.all(
    peers.map(async (row, index) => {
      if (row.state === 'unreachable') return;
      const onProgress = (): void => options.onProgress(report);
      await repairWith({ ...options, onProgress }, row, {
        session,
        partitions: shared[index]?.wanted ?? [],
      });
      onProgress();
    }),
  );
  return report;
}

async function repairWith(
  options: Omit<RepairOptions, 'onProgress'> & { readonly onProgress: () => void },
  row: RepairedPeer,
  request: { readonly session: number; readonly partitions: readonly number[] },
): Promise<void> {
  const { antiEntropy, coordination, signal } = options;
  const forced = antiEntropy.force(row.peer, request);
  if (forced === undefined) return;
  const exchange = antiEntropy.exchangeWith(row.peer, signal);
  try {
    do {
      await poll(row, { forced, exchange, request });
      options.onProgress();
      if (row.state === 'running') await sleep(coordination.clock, pollMs, signal);
    } while (row.state === 'running' && !signal.aborted);
  } catch (error) {
    row.state = 'failed';
    row.error = errorMessageOf(error);
  }
}

async function poll(
  row: RepairedPeer,
  round: {
    readonly forced: ForcedRound;
    readonly exchange: OwnerExchange;
    readonly request: { readonly session: number; readonly partitions: readonly number[] };
  },
): Promise<void> {
  const { forced, exchange, request } = round;
  const theirs = await exchange.compareNow(request.session, request.partitions);
  row.fetched = forced.fetched;
  row.sent = theirs.fetched;
  if (forced.state === 'failed' || theirs.state === 'failed') {
    row.state = 'failed';
    row.error = forced.error === '' ? `${row.peer} could not heal itself from this node` : forced.error;
  } else if (forced.state === 'done' && theirs.state === 'done') {
    row.state = 'done';
  }
}
