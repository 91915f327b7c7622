/**
 * What the coordinator's flows stand on: the parts of this node that one write or read touches, and the
 * one way of asking a holder, be it a peer or this node itself.
 */

import type { NodeConfig, NodeId } from '../core/config.ts';
import type { Checksum } from '../core/crc32.ts';
import type { PlacementTable } from '../core/placement.ts';
import type { StoredRecord } from '../core/record.ts';
import { partitionOf, type Token } from '../core/token.ts';
import type { Clock } from '../ports/clock.ts';
import type { Observer } from '../ports/observer.ts';
import type { Random } from '../ports/random.ts';
import type { HedgePacing } from './hedge-pacing.ts';
import type { HintAdmission } from './hint-admission.ts';
import type { NodeClock } from './node-clock.ts';
import type { PeerSuspicion } from './peer-suspicion.ts';
import type { OnLateReply, OnResult, RemoteCalls } from './remote-calls.ts';
import type { Replica } from './replica.ts';
import type { Preference } from './routing.ts';
import type { WritesUnderWay } from './writes-under-way.ts';

export interface Coordination {
  readonly config: NodeConfig;
  readonly placement: PlacementTable;
  readonly replica: Replica;
  readonly calls: RemoteCalls;
  readonly nodeClock: NodeClock;
  readonly clock: Clock;
  readonly random: Random;
  readonly checksum: Checksum;
  readonly observer: Observer;
  /** Whether a node is up for routing; this node always is. */
  readonly isUp: (node: NodeId) => boolean;
  readonly suspicion: PeerSuspicion;
  readonly hedging: HedgePacing;
  readonly hintAdmission: HintAdmission;
  readonly writesUnderWay: WritesUnderWay;
}

/** Owners and fallbacks of a key. */
export function preferenceOf(placement: PlacementTable, token: Token): Preference {
  const partition = partitionOf(token, placement.partitions);
  const { zones } = placement;
  return { owners: placement.owners(partition), fallbacks: placement.fallbacks(partition), zones };
}

/** Hands a record to several holders at once; this node's own share goes straight to its store. */
export function sendRecord(
  coordination: Coordination,
  options: {
    readonly record: StoredRecord;
    readonly holders: readonly NodeId[];
    readonly hintFor: NodeId | undefined;
    /** Whether the record was stamped for this very request. */
    readonly fresh: boolean;
    readonly timeoutMs: number;
    readonly onResult: OnResult;
    readonly onLateReply?: OnLateReply;
  },
): void {
  const { record, holders, hintFor, fresh, timeoutMs, onResult, onLateReply } = options;
  const self = coordination.config.id;
  const peers = holders.filter((holder) => holder !== self);
  if (peers.length > 0) {
    const request = { kind: 'put', timeoutMs, hintFor, fresh, record } as const;
    coordination.calls.ask(peers, request, timeoutMs, onResult, onLateReply);
  }
  if (peers.length < holders.length) {
    const { replica } = coordination;
    const origin = replica.arrivals.originOf(fresh ? 'write' : 'read', self);
    void replica.put(record, hintFor, undefined, origin).then((reply) => onResult(self, reply));
  }
}
