/**
 * Which of its owners comes first for each partition: the one that clients' requests are best sent
 * to. A member leads one in `replicas` of the partitions it owns, rounded down or up.
 *
 * That is always possible: if every owner led the same fraction of each of its partitions all would be
 * exact, and a flow with whole bounds that has a fractional solution has a whole one. Leading is
 * moved along chains of co-owners until it holds. No data moves with it.
 */

import { cheapestChain, type OfferStep } from './cheapest-chain.ts';
import { assert } from './errors.ts';

export interface LeadsOptions {
  /** The owners of each partition, equally many in each. */
  readonly owners: readonly (readonly number[])[];
  readonly replicas: number;
  /** How many slots each member owns. */
  readonly slots: readonly number[];
  /** Who came first before, or -1. */
  readonly previous: readonly number[];
  readonly rank: (partition: number, member: number) => number;
}

/** The first owner of each partition. */
export function assignLeads(options: LeadsOptions): number[] {
  const assignment = new LeadAssignment(options);
  assignment.keepPrevious();
  assignment.fill();
  assignment.passOnDirectly();
  assignment.balance();
  return assignment.leads;
}

class LeadAssignment {
  readonly leads: number[];
  readonly #options: LeadsOptions;
  /** The partitions that each member leads. */
  readonly #led: readonly Set<number>[];

  constructor(options: LeadsOptions) {
    this.#options = options;
    this.leads = options.owners.map(() => -1);
    this.#led = options.slots.map(() => new Set());
  }

  keepPrevious(): void {
    this.#options.owners.forEach((owners, partition) => {
      const before = this.#options.previous[partition] ?? -1;
      if (owners.includes(before)) this.#lead(partition, before);
    });
  }

  /** Gives each partition without a first owner to the one that leads the least of its share. */
  fill(): void {
    const { owners, rank } = this.#options;
    owners.forEach((candidates, partition) => {
      if ((this.leads[partition] ?? -1) >= 0) return;
      const [first] = [...candidates].sort(
        (left, right) =>
          this.#missingOf(right) - this.#missingOf(left) || rank(partition, left) - rank(partition, right),
      );
      if (first !== undefined) this.#lead(partition, first);
    });
  }

  /** Passes leading on from members with too much to a co-owner with too little: most of the work, in one pass. */
  passOnDirectly(): void {
    this.#options.owners.forEach((owners, partition) => {
      const lead = this.leads[partition] ?? -1;
      if (this.#missingOf(lead) > -1) return;
      const to = owners.find((owner) => this.#missingOf(owner) > 0);
      if (to !== undefined) this.#passOn(partition, lead, to);
    });
  }

  /** Passes leading on along chains until every member has its share rounded down or up. */
  balance(): void {
    const members = this.#led.map((_, member) => member);
    const isOver = (member: number): boolean => this.#missingOf(member) <= -1;
    const isUnder = (member: number): boolean => this.#missingOf(member) >= 1;
    for (;;) {
      const over = members.filter(isOver);
      const takers = over.length > 0 ? (member: number) => this.#missingOf(member) > 0 : isUnder;
      const givers = over.length > 0 ? over : members.filter((member) => this.#missingOf(member) < 0);
      if (over.length === 0 && !members.some(isUnder)) return;
      const chain = cheapestChain({
        members: members.length,
        sources: givers,
        isTarget: takers,
        offerSteps: (from, offer) => this.#offerSteps(from, offer),
      });
      assert(chain !== undefined, 'leading can always be shared');
      for (const { partition, from, to } of chain.steps) this.#passOn(partition, from, to);
    }
  }

  #offerSteps(from: number, offer: OfferStep): void {
    for (const partition of this.#led[from] ?? []) {
      for (const to of this.#options.owners[partition] ?? []) if (to !== from) offer(to, partition, 1);
    }
  }

  /** How far a member is from its share of leads. */
  #missingOf(member: number): number {
    return (this.#options.slots[member] ?? 0) / this.#options.replicas - (this.#led[member]?.size ?? 0);
  }

  #passOn(partition: number, from: number, to: number): void {
    this.#led[from]?.delete(partition);
    this.#lead(partition, to);
  }

  #lead(partition: number, member: number): void {
    this.leads[partition] = member;
    this.#led[member]?.add(partition);
  }
}
