/**
 * How many replica slots each member should own: the fair share, and whole numbers next to it.
 *
 * There are partitions × replicas slots to give. A member's *fair share* is proportional to its weight,
 * under two limits: no member owns a partition twice (at most `partitions` slots), and a zone owns no
 * more replicas of a partition than it must. That zone limit is the least number that lets every
 * partition have all its replicas: one where there are as many zones as replicas, more where there are fewer
 * (a zone with fewer members than that is limited by its members). What a limit cuts off goes to
 * the others in proportion to their weights. So zones take precedence over weights, and where no
 * zone's weight exceeds its limit the fair share is the plain weighted one.
 *
 * Whole numbers: every zone and every member gets its share rounded down or up, never further away; who
 * is rounded up is who holds more already, so that nothing moves for the sake of rounding.
 */

import type { Member } from './config.ts';

export interface ShareOptions {
  readonly members: readonly Member[];
  readonly partitions: number;
  /** Replicas of each partition, at most as many as there are members. */
  readonly replicas: number;
}

/** The zones of a list of members, in order of first appearance. */
export interface Zones {
  /** Zone of each member. */
  readonly of: readonly number[];
  /** The most replicas of one partition that each zone may own. */
  readonly replicasMax: readonly number[];
}

/** Shares closer than this to a whole number are that number: sums of fractions are not exact. */
const precision = 1e-6;

export function zonesOf(members: readonly Member[], replicas: number): Zones {
  const names: string[] = [];
  const of = members.map((member) => {
    const known = names.indexOf(member.zone);
    return known >= 0 ? known : names.push(member.zone) - 1;
  });
  const sizes = names.map((_, zone) => of.filter((other) => other === zone).length);
  const limited = (limit: number): number[] => sizes.map((size) => Math.min(size, limit));
  let limit = 1;
  while (sum(limited(limit)) < replicas) limit++;
  return { of, replicasMax: limited(limit) };
}

/** The fair share of each member, a fraction. */
export function fairShares(options: ShareOptions): number[] {
  const { members, partitions, replicas } = options;
  const zones = zonesOf(members, replicas);
  const weights = members.map((member) => member.weight);
  const shares = members.map(() => 0);
  let slotsLeft = partitions * replicas;
  let open = zones.replicasMax.map((_, zone) => zone);
  // A zone over its limit gets exactly that; the rest is shared anew, which only raises the others.
  for (;;) {
    const inOpen = indexesWhere(zones.of, (zone) => open.includes(zone));
    fill({ chosen: inOpen, weights, each: partitions, total: slotsLeft, into: shares });
    const over = open.filter((zone) => {
      const limit = (zones.replicasMax[zone] ?? 0) * partitions;
      return (
        sum(indexesWhere(zones.of, (other) => other === zone).map((index) => shares[index] ?? 0)) >
        limit + precision
      );
    });
    if (over.length === 0) return shares.map(snap);
    for (const zone of over) {
      const total = (zones.replicasMax[zone] ?? 0) * partitions;
      const chosen = indexesWhere(zones.of, (other) => other === zone);
      fill({ chosen, weights, each: partitions, total, into: shares });
      slotsLeft -= total;
    }
    open = open.filter((zone) => !over.includes(zone));
  }
}

/** Whole slots for each member: its fair share rounded down or up. `held` is what each owns now. */
export function wholeShares(options: ShareOptions, held: readonly number[]): number[] {
  const zones = zonesOf(options.members, options.replicas);
  const shares = fairShares(options);
  const membersOf = zones.replicasMax.map((_, zone) => indexesWhere(zones.of, (other) => other === zone));
  const zoneShares = membersOf.map((members) => snap(sum(members.map((index) => shares[index] ?? 0))));
  /** How many members of each zone would keep a slot by being rounded up. */
  const gains = membersOf.map((members, zone) => {
    const wanting = members.filter(
      (index) => isFraction(shares[index] ?? 0) && (held[index] ?? 0) > (shares[index] ?? 0),
    );
    const roundedDown = sum(members.map((index) => Math.floor(shares[index] ?? 0)));
    return wanting.length > Math.floor(zoneShares[zone] ?? 0) - roundedDown;
  });
  const zoneSlots = round({
    shares: zoneShares,
    total: options.partitions * options.replicas,
    prefers: gains,
  });
  const slots = shares.map(() => 0);
  membersOf.forEach((members, zone) => {
    const rounded = round({
      shares: members.map((index) => shares[index] ?? 0),
      total: zoneSlots[zone] ?? 0,
      prefers: members.map((index) => (held[index] ?? 0) > (shares[index] ?? 0)),
    });
    members.forEach((index, position) => (slots[index] = rounded[position] ?? 0));
  });
  return slots;
}

/** Shares `total` among the chosen by weight, at most `each` for one of them. */
function fill(options: {
  readonly chosen: readonly number[];
  readonly weights: readonly number[];
  readonly each: number;
  readonly total: number;
  readonly into: number[];
}): void {
  const { weights, each, into } = options;
  let open = options.chosen;
  let left = options.total;
  while (open.length > 0) {
    const perWeight = left / sum(open.map((index) => weights[index] ?? 0));
    const isOver = (index: number): boolean => perWeight * (weights[index] ?? 0) >= each;
    for (const index of open) into[index] = Math.min(each, perWeight * (weights[index] ?? 0));
    const rest = open.filter((index) => !isOver(index));
    if (rest.length === open.length) return;
    left -= each * (open.length - rest.length);
    open = rest;
  }
}

/** Rounds each share down or up so that they sum to `total`: up for those that prefer it, then the greater fractions. */
function round(options: {
  readonly shares: readonly number[];
  readonly total: number;
  readonly prefers: readonly boolean[];
}): number[] {
  const { shares, prefers } = options;
  const rounded = shares.map(Math.floor);
  const candidates = indexesWhere(shares, isFraction).sort(
    (left, right) =>
      Number(prefers[right]) - Number(prefers[left]) ||
      ((shares[right] ?? 0) % 1) - ((shares[left] ?? 0) % 1) ||
      left - right,
  );
  const missing = options.total - sum(rounded);
  for (const index of candidates.slice(0, missing)) rounded[index] = (rounded[index] ?? 0) + 1;
  return rounded;
}

function snap(share: number): number {
  const whole = Math.round(share);
  return Math.abs(share - whole) < precision ? whole : share;
}

function isFraction(share: number): boolean {
  return share % 1 !== 0;
}

function indexesWhere<Item>(items: readonly Item[], matches: (item: Item) => boolean): number[] {
  const indexes: number[] = [];
  items.forEach((item, index) => {
    if (matches(item)) indexes.push(index);
  });
  return indexes;
}

function sum(numbers: readonly number[]): number {
  let total = 0;
  for (const number of numbers) total += number;
  return total;
}
