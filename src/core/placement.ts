/**
 * The placement table: which nodes own which partition (DeCandia et al. 2007, §6.2, strategy 3).
 *
 * Partitions are fixed and equal, so only their owners change. The table is a pure function of the members
 * and the previous table, whatever order the members come in, and keeps these promises:
 *
 * - every member owns its fair share of replicas (placement-shares.ts), rounded down or up, and comes first in
 *   one of `replicas` of the partitions it owns, rounded down or up;
 * - owners of a partition are distinct, in distinct zones if there are as many zones as replicas, and
 *   otherwise in as many zones as that allows;
 * - of all tables with these shares it is one that moves the fewest replicas from the previous table;
 * - with no more members than replicas every member owns everything.
 *
 * Order beyond the first owner, and of the fallbacks, is by a hash of partition and node (rendezvous
 * hashing, Thaler & Ravishankar 1998): the load of a node that is down falls on all others alike.
 */

import type { Member, NodeId } from './config.ts';
import { StoreError } from './errors.ts';
import { assignLeads } from './placement-leads.ts';
import { assignOwners } from './placement-owners.ts';
import { wholeShares, zonesOf } from './placement-shares.ts';
import { tokenOf } from './token.ts';

export interface PlacementTable {
  readonly epoch: number;
  readonly partitions: number;
  /** N as configured, even when there are fewer members. */
  readonly replicas: number;
  /** The owners in preference order: N, or all members if there are fewer. */
  owners(partition: number): readonly NodeId[];
  /** All other members, in the order in which they stand in for an owner. */
  fallbacks(partition: number): readonly NodeId[];
  /** The zone of each member; undefined where all are in one, or each is in its own. */
  readonly zones?: ReadonlyMap<NodeId, string> | undefined;
}

/** Fallbacks are kept once computed up to so many in all; beyond it that would be too much memory. */
const fallbacksKeptMax = 1 << 20;
/** A rank is a hash followed by the member's number, which makes ranks distinct; members are fewer than this. */
const ranksPerHash = 1 << 16;

/**
 * Computes the table for these members. `previous` must be of the same number of partitions; its
 * number of replicas may differ. Throws `CONFIG_INVALID` when there is no member, a node occurs twice, a
 * weight is not a number above 0, or the number of partitions changed.
 */
export function computePlacement(options: {
  readonly members: readonly Member[];
  readonly partitions: number;
  readonly replicas: number;
  readonly epoch: number;
  readonly previous?: PlacementTable;
}): PlacementTable {
  const { partitions, previous, epoch } = options;
  const members = options.members.toSorted((left, right) => (left.id < right.id ? -1 : 1));
  check(members, partitions, previous);
  const replicas = Math.min(options.replicas, members.length);
  const numbers = new Map(members.map((member, index) => [member.id, index]));
  const before = Array.from({ length: partitions }, (_, partition) =>
    (previous?.owners(partition) ?? []).flatMap((owner) => numbers.get(owner) ?? []),
  );
  const held = members.map(() => 0);
  for (const owners of before) for (const owner of owners) held[owner] = (held[owner] ?? 0) + 1;

  const rank = ranking(members);
  const slots = wholeShares({ members, partitions, replicas }, held);
  const zones = zonesOf(members, replicas);
  const order = Array.from({ length: partitions }, (_, partition) => partition);
  order.sort((left, right) => mix(left) - mix(right));
  const owners = assignOwners({ replicas, slots, zones, previous: before, rank, order });
  const firsts = before.map((_, partition) => {
    const [first] = previous?.owners(partition) ?? [];
    return (first === undefined ? undefined : numbers.get(first)) ?? -1;
  });
  const leads = assignLeads({ owners, replicas, slots, previous: firsts, rank });
  const preference = owners.map((unordered, partition) => {
    const others = unordered.filter((owner) => owner !== leads[partition]);
    others.sort((left, right) => rank(partition, left) - rank(partition, right));
    return [leads[partition] ?? 0, ...others];
  });
  return new ComputedPlacement({ epoch, replicas: options.replicas, members, preference, rank });
}

/**
 * A number that differs, but for one chance in 2^32, when two tables differ in partitions, replicas, or
 * owners or fallbacks and their order; compared in the handshake, where the epoch goes beside it.
 */
export function placementFingerprint(table: PlacementTable): number {
  const hashes = new Map<NodeId, number>();
  const hashOf = (id: NodeId): number => {
    let hash = hashes.get(id);
    if (hash === undefined) hashes.set(id, (hash = hashOfId(id)));
    return hash;
  };
  let fingerprint = mix(table.partitions) ^ table.replicas;
  for (let partition = 0; partition < table.partitions; partition++) {
    const owners = table.owners(partition);
    fingerprint = mix(fingerprint ^ owners.length);
    for (const id of owners) fingerprint = mix(fingerprint ^ hashOf(id));
    for (const id of table.fallbacks(partition)) fingerprint = mix(fingerprint ^ hashOf(id));
  }
  return fingerprint >>> 0;
}

type Ranking = (partition: number, member: number) => number;

class ComputedPlacement implements PlacementTable {
  readonly epoch: number;
  readonly partitions: number;
  readonly replicas: number;
  readonly zones: ReadonlyMap<NodeId, string> | undefined;
  readonly #ids: readonly NodeId[];
  readonly #owners: readonly (readonly NodeId[])[];
  readonly #fallbacks = new Map<number, readonly NodeId[]>();
  readonly #rank: Ranking;

  constructor(parts: {
    readonly epoch: number;
    readonly replicas: number;
    readonly members: readonly Member[];
    readonly preference: readonly (readonly number[])[];
    readonly rank: Ranking;
  }) {
    this.epoch = parts.epoch;
    this.partitions = parts.preference.length;
    this.replicas = parts.replicas;
    const zones = new Set(parts.members.map((member) => member.zone)).size;
    const isTold = zones > 1 && zones < parts.members.length;
    this.zones = isTold ? new Map(parts.members.map(({ id, zone }) => [id, zone])) : undefined;
    const ids = parts.members.map((member) => member.id);
    this.#ids = ids;
    this.#rank = parts.rank;
    this.#owners = parts.preference.map((owners) => owners.flatMap((owner) => ids[owner] ?? []));
  }

  owners(partition: number): readonly NodeId[] {
    return this.#owners[partition] ?? [];
  }

  fallbacks(partition: number): readonly NodeId[] {
    const kept = this.#fallbacks.get(partition);
    if (kept !== undefined) return kept;
    const owners = this.owners(partition);
    const ranks: number[] = [];
    this.#ids.forEach((id, member) => {
      if (!owners.includes(id)) ranks.push(this.#rank(partition, member));
    });
    const fallbacks = [...Float64Array.from(ranks).sort()].flatMap((rank) => this.#ids[memberOf(rank)] ?? []);
    if (this.partitions * this.#ids.length <= fallbacksKeptMax) this.#fallbacks.set(partition, fallbacks);
    return fallbacks;
  }
}

function check(members: readonly Member[], partitions: number, previous: PlacementTable | undefined): void {
  const refuse = (what: string): never => {
    throw new StoreError('CONFIG_INVALID', `no placement: ${what}`);
  };
  if (members.length === 0) refuse('there is no member');
  members.forEach(({ id, weight }, index) => {
    if (id === members[index + 1]?.id) refuse(`node ${id} occurs twice`);
    if (!(weight > 0 && weight < Number.POSITIVE_INFINITY))
      refuse(`the weight of ${id} is ${weight}, not above 0`);
  });
  if (previous !== undefined && previous.partitions !== partitions) {
    refuse(
      `the number of partitions is ${previous.partitions} for the life of the cluster, not ${partitions}`,
    );
  }
}

/** Orders the members of a cluster in each partition as if drawn by lot, always the same. */
function ranking(members: readonly Member[]): Ranking {
  const hashes = members.map((member) => hashOfId(member.id));
  return (partition, member) => mix((hashes[member] ?? 0) ^ mix(partition)) * ranksPerHash + member;
}

/** The member that a rank was computed for. */
function memberOf(rank: number): number {
  return rank % ranksPerHash;
}

function hashOfId(id: NodeId): number {
  return tokenOf(Uint8Array.from(id, (character) => character.charCodeAt(0))).high;
}

/** A permutation of the 32-bit integers that scatters neighbours (MurmurHash3's finalizer); unsigned. */
function mix(value: number): number {
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return (value ^ (value >>> 16)) >>> 0;
}
