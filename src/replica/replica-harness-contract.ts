/** A replica of a cluster of two on a store of the test's, for tests of what it does with what it is sent. */

import { defaultTiming, type NodeConfig, type NodeId } from '../core/config.ts';
import { crc32 } from '../core/crc32.ts';
import type { Observer } from '../ports/observer.ts';
import { ManualClock } from '../sim/manual-clock.ts';
import type { Store } from '../storage/store.ts';
import { Counters } from './counters.ts';
import { NodeClock } from './node-clock.ts';
import { placementFor } from './node.ts';
import { Replica } from './replica.ts';
import type { WritePromise } from './write-promise.ts';

const members = ['n1', 'n2'].map((name) => ({ id: name as NodeId, weight: 1, zone: name }));

/** Of n1; both nodes own everything. */
export const pairConfig: NodeConfig = {
  id: 'n1' as NodeId,
  members,
  clusterName: 'test',
  partitions: 16,
  quorum: { n: 2, r: 1, w: 1 },
  quorumMode: 'sloppy',
  valueBytesMax: 1024,
  timing: defaultTiming,
};

/** The wall time of `replicaOn`. */
export const wallMs = 1_000_000;

export function silentCounters(): Counters {
  return new Counters({ log: () => undefined, count: () => undefined });
}

export function nodeClockOn(clock: ManualClock): NodeClock {
  return new NodeClock({
    clock,
    clockSkewMsMax: pairConfig.timing.clockSkewMsMax,
    boundAtStartMs: 0,
    saveBound: () => Promise.resolve(),
  });
}

export function replicaOn(
  store: Store,
  options: {
    readonly clock?: NodeClock;
    readonly observer?: Observer;
    readonly isWitness?: () => boolean;
    readonly promise?: Pick<WritePromise, 'check'>;
  } = {},
): Replica {
  const {
    clock = nodeClockOn(new ManualClock(wallMs)),
    observer = silentCounters(),
    isWitness = () => true,
    promise,
  } = options;
  return new Replica({
    ...{ config: pairConfig, store, placement: placementFor(pairConfig), clock, checksum: crc32 },
    ...{ observer, isWitness, ...(promise === undefined ? {} : { promise }) },
  });
}
