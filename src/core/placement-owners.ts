/**
 * Which members own which partition, given how many slots each is to own: what stays where it is stays,
 * and as few replicas as possible move.
 *
 * A min-cost flow: keeping a previous owner costs nothing, a new one costs one move. It starts from the
 * previous owners as they are and moves slots from members that own too many (and from vacant
 * slots) to members that own too few, each time along the cheapest chain of exchanges; by the theory of
 * successive shortest paths the result then has the fewest moves there are. Nearly all chains are one
 * step long, and those are taken in a single pass over the partitions.
 *
 * Any shares of at most `partitions` slots a member, and of at most a zone's limit a zone, can be met:
 * lay all slots, ordered by zone and member, around the ring of partitions (McNaughton's rule, 1959).
 */

import { cheapestChain, type OfferStep } from './cheapest-chain.ts';
import { assert } from './errors.ts';
import type { Zones } from './placement-shares.ts';

export interface OwnersOptions {
  readonly replicas: number;
  /** How many slots each member is to own; together partitions × replicas. */
  readonly slots: readonly number[];
  readonly zones: Zones;
  /** For each partition those of its previous owners that are still members. */
  readonly previous: readonly (readonly number[])[];
  /** A number that orders members differently in each partition; breaks ties. */
  readonly rank: (partition: number, member: number) => number;
  /** Partitions in the order in which they give up slots: scattered, so that none is favoured. */
  readonly order: readonly number[];
}

/** The owners of each partition, in no particular order. */
export function assignOwners(options: OwnersOptions): number[][] {
  const assignment = new OwnerAssignment(options);
  // Where somebody was turned away, taking back is free, and must come before what costs a move.
  if (assignment.keepPrevious()) assignment.balance(0);
  assignment.moveDirectly();
  assignment.balance(Number.POSITIVE_INFINITY);
  return assignment.owners;
}

class OwnerAssignment {
  readonly owners: number[][];
  readonly #options: OwnersOptions;
  /** How many slots each member owns too few; negative for too many. The last entry counts vacant slots. */
  readonly #missing: number[];
  /** The same for each zone. */
  readonly #zoneMissing: number[];
  /** The partitions of each member; the last entry holds those with a vacant slot. */
  readonly #partitions: readonly Set<number>[];
  /** Stands for a vacant slot in a chain. */
  readonly #nobody: number;

  constructor(options: OwnersOptions) {
    this.#options = options;
    this.owners = options.previous.map(() => []);
    this.#nobody = options.slots.length;
    this.#missing = [...options.slots, -options.previous.length * options.replicas];
    this.#zoneMissing = options.zones.replicasMax.map(() => 0);
    this.#partitions = this.#missing.map(() => new Set());
    options.slots.forEach((slots, member) => this.#noteZone(member, slots));
    options.previous.forEach((_, partition) => this.#noteVacancy(partition));
  }

  /** Takes over the previous owners. True when some were turned away, for whom there is no room any more. */
  keepPrevious(): boolean {
    let isCrowded = false;
    this.#options.previous.forEach((previous, partition) => {
      for (const member of previous) this.#add(partition, member);
    });
    this.owners.forEach((owners, partition) => {
      for (;;) {
        const surplus = owners.filter((member) => this.#isOverLimit(owners, member));
        if (surplus.length === 0) break;
        this.#remove(partition, this.#leastMissing(surplus));
        isCrowded = true;
      }
    });
    return isCrowded;
  }

  /** Fills vacant slots, and takes slots from members with too many, wherever one step does it. */
  moveDirectly(): void {
    for (const partition of this.#options.order) {
      const owners = this.owners[partition] ?? [];
      while (owners.length < this.#options.replicas) {
        const to = this.#mostMissing(partition, this.#nobody);
        if (to < 0) break;
        this.#add(partition, to);
      }
      const surplus = owners.filter((member) => this.#missingOf(member) < 0);
      for (const from of surplus.sort((left, right) => this.#missingOf(left) - this.#missingOf(right))) {
        const to = this.#mostMissing(partition, from);
        if (to >= 0) this.#exchange(partition, from, to);
      }
    }
  }

  /** Moves slots along chains until all shares are met, or until a chain would cost more than `costMax`. */
  balance(costMax: number): void {
    for (;;) {
      const sources = this.#missing.flatMap((missing, member) => (missing < 0 ? [member] : []));
      if (sources.length === 0) return;
      const chain = cheapestChain({
        members: this.#missing.length,
        sources,
        isTarget: (member) => this.#missingOf(member) > 0,
        offerSteps: (from, offer) => this.#offerSteps(from, offer),
      });
      assert(chain !== undefined, 'shares within the limits can be met');
      if (chain.cost > costMax) return;
      for (const { partition, from, to } of chain.steps) this.#exchange(partition, from, to);
    }
  }

  #offerSteps(from: number, offer: OfferStep): void {
    const { previous, slots } = this.#options;
    for (const partition of this.#partitions[from] ?? []) {
      const owners = this.owners[partition] ?? [];
      const before = previous[partition] ?? [];
      const refund = from === this.#nobody || before.includes(from) ? 0 : 1;
      for (let to = 0; to < slots.length; to++) {
        if (this.#maySucceed(owners, from, to)) offer(to, partition, (before.includes(to) ? 0 : 1) - refund);
      }
    }
  }

  /** Whether `to` may take the place of `from` (or a vacant slot) among these owners. */
  #maySucceed(owners: readonly number[], from: number, to: number): boolean {
    if (owners.includes(to)) return false;
    const { of, replicasMax } = this.#options.zones;
    const zone = of[to] ?? 0;
    let inZone = of[from] === zone ? 0 : 1;
    for (const owner of owners) if (of[owner] === zone) inZone++;
    return inZone <= (replicasMax[zone] ?? 0);
  }

  #isOverLimit(owners: readonly number[], member: number): boolean {
    const { of, replicasMax } = this.#options.zones;
    const zone = of[member] ?? 0;
    const inZone = owners.filter((owner) => of[owner] === zone).length;
    return owners.length > this.#options.replicas || inZone > (replicasMax[zone] ?? 0);
  }

  /** The member that most urgently needs a slot and may have this one, or -1. */
  #mostMissing(partition: number, from: number): number {
    const { slots } = this.#options;
    const owners = this.owners[partition] ?? [];
    let best = -1;
    for (let member = 0; member < slots.length; member++) {
      if (this.#missingOf(member) <= 0 || !this.#maySucceed(owners, from, member)) continue;
      if (best < 0 || this.#urgency(partition, member, best) > 0) best = member;
    }
    return best;
  }

  /** Positive when `member` needs a slot more than `other`: by its zone, for its limit, then by itself. */
  #urgency(partition: number, member: number, other: number): number {
    const { zones, rank } = this.#options;
    const zone = zones.of[member] ?? 0;
    const otherZone = zones.of[other] ?? 0;
    return (
      (this.#zoneMissing[zone] ?? 0) * (zones.replicasMax[otherZone] ?? 0) -
        (this.#zoneMissing[otherZone] ?? 0) * (zones.replicasMax[zone] ?? 0) ||
      this.#missingOf(member) - this.#missingOf(other) ||
      rank(partition, other) - rank(partition, member)
    );
  }

  #leastMissing(members: readonly number[]): number {
    return members.reduce((least, member) =>
      this.#missingOf(member) < this.#missingOf(least) ? member : least,
    );
  }

  #missingOf(member: number): number {
    return this.#missing[member] ?? 0;
  }

  #exchange(partition: number, from: number, to: number): void {
    if (from !== this.#nobody) this.#remove(partition, from);
    this.#add(partition, to);
  }

  #add(partition: number, member: number): void {
    this.owners[partition]?.push(member);
    this.#partitions[member]?.add(partition);
    this.#noteVacancy(partition);
    this.#count(member, -1);
  }

  #remove(partition: number, member: number): void {
    const owners = this.owners[partition] ?? [];
    owners.splice(owners.indexOf(member), 1);
    this.#partitions[member]?.delete(partition);
    this.#noteVacancy(partition);
    this.#count(member, 1);
  }

  #noteVacancy(partition: number): void {
    const isVacant = (this.owners[partition]?.length ?? 0) < this.#options.replicas;
    if (isVacant) this.#partitions[this.#nobody]?.add(partition);
    else this.#partitions[this.#nobody]?.delete(partition);
  }

  #count(member: number, change: number): void {
    this.#missing[member] = this.#missingOf(member) + change;
    this.#missing[this.#nobody] = this.#missingOf(this.#nobody) - change;
    this.#noteZone(member, change);
  }

  #noteZone(member: number, change: number): void {
    const zone = this.#options.zones.of[member] ?? 0;
    this.#zoneMissing[zone] = (this.#zoneMissing[zone] ?? 0) + change;
  }
}
