import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { partitionsFor, type Member, type NodeId } from './config.ts';
import { fairShares, zonesOf } from './placement-shares.ts';
import { computePlacement, placementFingerprint, type PlacementTable } from './placement.ts';
import { partitionOf, tokenOf } from './token.ts';

function nodeId(number: number): NodeId {
  return `n${number}` as NodeId;
}

function equalMembers(count: number, zones = 1): Member[] {
  return Array.from({ length: count }, (_, index) => ({
    id: nodeId(index),
    weight: 1,
    zone: `z${index % zones}`,
  }));
}

function countBy(ids: Iterable<NodeId>): Map<NodeId, number> {
  const counts = new Map<NodeId, number>();
  for (const id of ids) counts.set(id, (counts.get(id) ?? 0) + 1);
  return counts;
}

function ownersOf(table: PlacementTable): NodeId[][] {
  return Array.from({ length: table.partitions }, (_, partition) => [...table.owners(partition)]);
}

function slotCounts(table: PlacementTable): Map<NodeId, number> {
  return countBy(ownersOf(table).flat());
}

/** Replicas that lie somewhere in `after` where they did not in `before`. */
function movesBetween(before: PlacementTable, after: PlacementTable): number {
  let moves = 0;
  ownersOf(after).forEach((owners, partition) => {
    for (const owner of owners) if (!before.owners(partition).includes(owner)) moves++;
  });
  return moves;
}

/** All promises about one table on its own. */
function checkTable(table: PlacementTable, members: readonly Member[]): void {
  const { partitions } = table;
  const replicas = Math.min(table.replicas, members.length);
  const sorted = members.toSorted((left, right) => (left.id < right.id ? -1 : 1));
  const shares = fairShares({ members: sorted, partitions, replicas });
  const zones = zonesOf(sorted, replicas);
  const zoneOf = new Map(sorted.map((member, index) => [member.id, zones.of[index] ?? -1]));
  const ids = new Set(sorted.map((member) => member.id));

  ownersOf(table).forEach((owners, partition) => {
    assert.equal(owners.length, replicas);
    const everyone = [...owners, ...table.fallbacks(partition)];
    assert.equal(everyone.length, ids.size);
    assert.deepEqual(new Set(everyone), ids);
    const inZone = new Map<number, number>();
    for (const owner of owners) {
      const zone = zoneOf.get(owner) ?? -1;
      inZone.set(zone, (inZone.get(zone) ?? 0) + 1);
    }
    for (const [zone, count] of inZone)
      assert.ok(count <= (zones.replicasMax[zone] ?? 0), 'a zone owns too much');
    if (new Set(zones.of).size >= replicas) assert.equal(inZone.size, replicas, 'two owners in one zone');
  });

  const slots = slotCounts(table);
  const leads = countBy(ownersOf(table).flatMap((owners) => owners.slice(0, 1)));
  sorted.forEach(({ id }, index) => {
    const count = slots.get(id) ?? 0;
    const share = shares[index] ?? 0;
    assert.ok(Math.abs(count - share) < 1, `${id} owns ${count} slots, its fair share is ${share}`);
    const led = leads.get(id) ?? 0;
    assert.ok(Math.abs(led - count / replicas) < 1, `${id} owns ${count} slots and comes first in ${led}`);
  });
}

/** One way in which a cluster changes. */
type Change =
  | { readonly kind: 'join'; readonly weight: number; readonly zone: string }
  | { readonly kind: 'leave'; readonly choice: number }
  | { readonly kind: 'weight'; readonly choice: number; readonly weight: number }
  | { readonly kind: 'zone'; readonly choice: number; readonly zone: string }
  | { readonly kind: 'replicas'; readonly replicas: number };

function changesOf(zones: readonly string[], weights: fc.Arbitrary<number>): fc.Arbitrary<Change> {
  const zone = fc.constantFrom(...zones);
  const choice = fc.nat({ max: 31 });
  const join: fc.Arbitrary<Change> = fc.record({ kind: fc.constant('join'), weight: weights, zone });
  const leave: fc.Arbitrary<Change> = fc.record({ kind: fc.constant('leave'), choice });
  const weight: fc.Arbitrary<Change> = fc.record({ kind: fc.constant('weight'), choice, weight: weights });
  const move: fc.Arbitrary<Change> = fc.record({ kind: fc.constant('zone'), choice, zone });
  const replicas: fc.Arbitrary<Change> = fc.record({
    kind: fc.constant('replicas'),
    replicas: fc.integer({ min: 1, max: 5 }),
  });
  return fc.oneof(
    { weight: 6, arbitrary: join },
    { weight: 5, arbitrary: leave },
    { weight: 3, arbitrary: weight },
    { weight: 3, arbitrary: move },
    { weight: 1, arbitrary: replicas },
  );
}

const someWeight = fc.oneof(
  fc.constant(1),
  fc.integer({ min: 1, max: 9 }),
  fc.double({ min: 0.1, max: 20, noNaN: true }),
);

class Cluster {
  members: readonly Member[];
  replicas: number;
  #joined: number;

  constructor(members: readonly Member[], replicas: number) {
    this.members = members;
    this.replicas = replicas;
    this.#joined = members.length;
  }

  /** Applies a change; one that cannot be (the last node leaving, a 33rd joining) changes nothing. */
  change(change: Change): void {
    if (change.kind === 'replicas') {
      this.replicas = change.replicas;
    } else if (change.kind === 'join') {
      const joining = { id: nodeId(this.#joined++), weight: change.weight, zone: change.zone };
      if (this.members.length < 32) this.members = [...this.members, joining];
    } else {
      const chosen = change.choice % this.members.length;
      if (change.kind === 'leave') {
        if (this.members.length > 1) this.members = this.members.filter((_, index) => index !== chosen);
      } else {
        this.members = this.members.map((member, index) =>
          index === chosen ? { ...member, ...change } : member,
        );
      }
    }
  }
}

test('every table on the way of any cluster keeps all promises', () => {
  const start = fc.record({
    count: fc.integer({ min: 1, max: 32 }),
    zones: fc.integer({ min: 1, max: 6 }),
    replicas: fc.integer({ min: 1, max: 5 }),
    partitions: fc.oneof(
      { weight: 12, arbitrary: fc.constantFrom(1, 2, 4, 8, 16, 32, 64) },
      { weight: 1, arbitrary: fc.constantFrom(256, 1_024) },
    ),
    changes: fc.array(changesOf(['z0', 'z1', 'z2', 'z3'], someWeight), { maxLength: 10 }),
  });
  fc.assert(
    fc.property(start, ({ count, zones, replicas, partitions, changes }) => {
      const cluster = new Cluster(equalMembers(count, zones), replicas);
      let table = computePlacement({ members: cluster.members, partitions, replicas, epoch: 0 });
      checkTable(table, cluster.members);
      changes.forEach((change, index) => {
        cluster.change(change);
        const { members } = cluster;
        table = computePlacement({
          members,
          partitions,
          replicas: cluster.replicas,
          epoch: index,
          previous: table,
        });
        checkTable(table, members);
      });
    }),
    { numRuns: 120 },
  );
});

test('no other table with the same shares moves fewer replicas', () => {
  const start = fc.record({
    count: fc.integer({ min: 1, max: 7 }),
    zones: fc.integer({ min: 1, max: 4 }),
    replicas: fc.integer({ min: 1, max: 4 }),
    partitions: fc.constantFrom(1, 2, 4, 8, 16),
    changes: fc.array(changesOf(['z0', 'z1', 'z2'], someWeight), { minLength: 1, maxLength: 6 }),
  });
  fc.assert(
    fc.property(start, ({ count, zones, replicas, partitions, changes }) => {
      const cluster = new Cluster(equalMembers(count, zones), replicas);
      let before = computePlacement({ members: cluster.members, partitions, replicas, epoch: 0 });
      for (const change of changes) {
        cluster.change(change);
        const options = { members: cluster.members, partitions, replicas: cluster.replicas, epoch: 1 };
        const after = computePlacement({ ...options, previous: before });
        assert.equal(movesBetween(before, after), fewestMoves(before, after, cluster.members));
        before = after;
      }
    }),
    { numRuns: 250 },
  );
});

test('a joining node takes its share and little else moves; a leaving one gives up its own and little else', () => {
  const sizes = fc.record({
    count: fc.integer({ min: 1, max: 31 }),
    replicas: fc.integer({ min: 1, max: 5 }),
    partitions: fc.constantFrom(1, 4, 16, 64, 256),
    steps: fc.array(
      fc.record({ isLeaving: fc.boolean(), choice: fc.nat(), weight: fc.integer({ min: 1, max: 9 }) }),
      {
        minLength: 1,
        maxLength: 8,
      },
    ),
    areEqual: fc.boolean(),
  });
  fc.assert(
    fc.property(sizes, ({ count, replicas, partitions, steps, areEqual }) => {
      let members = equalMembers(count);
      let before = computePlacement({ members, partitions, replicas, epoch: 0 });
      steps.forEach(({ isLeaving, choice, weight }, step) => {
        if (isLeaving && (!areEqual || members.length <= replicas)) return;
        const leaver = members[choice % members.length]?.id ?? nodeId(0);
        const joiner = { id: nodeId(100 + step), weight: areEqual ? 1 : weight, zone: 'z0' };
        members = isLeaving ? members.filter((member) => member.id !== leaver) : [...members, joiner];
        const after = computePlacement({ members, partitions, replicas, epoch: step, previous: before });
        const moves = movesBetween(before, after);
        const share = isLeaving
          ? (slotCounts(before).get(leaver) ?? 0)
          : (slotCounts(after).get(joiner.id) ?? 0);
        // Rounding may correct each of the others by one; a node that joins equals does not even need that.
        // What a leaving one gives up can lie mostly with one other owner, who may not own it twice: then
        // replicas of others make room for it, in the worst case as many again.
        const corrections = areEqual && !isLeaving ? 0 : members.length;
        const swaps = isLeaving ? share : 0;
        assert.ok(
          moves >= share && moves <= share + corrections + swaps,
          `${moves} moves for a share of ${share}`,
        );
        before = after;
      });
    }),
    { numRuns: 100 },
  );
});

test('the table does not depend on the order of the members, and nothing changes without a change', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 20 }), fc.infiniteStream(fc.nat()), (count, numbers) => {
      const members = equalMembers(count, 3);
      const shuffled = members
        .map((member) => ({ member, order: Number(numbers.next().value) }))
        .sort((left, right) => left.order - right.order)
        .map(({ member }) => member);
      const options = { partitions: 64, replicas: 3, epoch: 1 };
      const table = computePlacement({ ...options, members });
      const other = computePlacement({ ...options, members: shuffled });
      const again = computePlacement({ ...options, members: shuffled, previous: table, epoch: 2 });
      for (const same of [other, again]) {
        assert.deepEqual(ownersOf(same), ownersOf(table));
        assert.equal(placementFingerprint(same), placementFingerprint(table));
      }
    }),
    { numRuns: 30 },
  );
});

test('a first owner that stays an owner mostly stays first', () => {
  const options = { partitions: 256, replicas: 3, epoch: 1 };
  const before = computePlacement({ ...options, members: equalMembers(8) });
  const after = computePlacement({ ...options, members: equalMembers(9), previous: before });
  const passedOn = ownersOf(before).filter(([first], partition) => {
    const owners = after.owners(partition);
    return first !== undefined && owners.includes(first) && owners[0] !== first;
  });
  assert.ok(
    passedOn.length < 32,
    `${passedOn.length} of 256 partitions have another first owner for nothing`,
  );
});

test('with fewer members than N every member owns everything', () => {
  const table = computePlacement({ members: equalMembers(2), partitions: 8, replicas: 3, epoch: 1 });
  for (let partition = 0; partition < 8; partition++) {
    assert.deepEqual([...table.owners(partition)].sort(), ['n0', 'n1']);
    assert.deepEqual(table.fallbacks(partition), []);
  }
  assert.equal(table.replicas, 3);
});

test('three nodes with 64 vnodes each own equal shares, and so do sequential keys', () => {
  const partitions = partitionsFor(3, 64);
  assert.equal(partitions, 256);
  const table = computePlacement({ members: equalMembers(3), partitions, replicas: 1, epoch: 1 });
  for (const count of slotCounts(table).values()) assert.ok(Math.abs(count - 256 / 3) < 1);

  const keys = 100_000;
  const perPartition = new Array<number>(partitions).fill(0);
  const perNode = new Map<NodeId, number>();
  for (let number = 0; number < keys; number++) {
    const partition = partitionOf(tokenOf(new TextEncoder().encode(`key:${number}`)), partitions);
    perPartition[partition] = (perPartition[partition] ?? 0) + 1;
    const owner = table.owners(partition)[0] ?? nodeId(0);
    perNode.set(owner, (perNode.get(owner) ?? 0) + 1);
  }
  const expected = keys / partitions;
  const chiSquare = perPartition.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
  // 255 degrees of freedom: mean 255, standard deviation 22.6; five of them either way.
  assert.ok(chiSquare > 142 && chiSquare < 368, `chi-square ${chiSquare}`);
  for (const count of perNode.values())
    assert.ok(Math.abs(count / keys - 1 / 3) < 0.01, `${count} of ${keys} keys`);
});

test('the load of a node that is down falls on all others alike', () => {
  const members = equalMembers(9);
  const table = computePlacement({ members, partitions: 4_096, replicas: 3, epoch: 1 });
  for (const { id } of members) {
    const owned = ownersOf(table).flatMap((owners, partition) => (owners.includes(id) ? [partition] : []));
    const standIns = countBy(owned.flatMap((partition) => table.fallbacks(partition).slice(0, 1)));
    const expected = owned.length / 8;
    for (const member of members) {
      if (member.id === id) continue;
      const count = standIns.get(member.id) ?? 0;
      // About 171 each by lot, with a standard deviation of 12; five of them either way.
      assert.ok(
        Math.abs(count - expected) < 62,
        `${member.id} stands in for ${id} in ${count} of ${expected}`,
      );
    }
  }
});

test('fallbacks are the same however often they are asked for', () => {
  const table = computePlacement({ members: equalMembers(7), partitions: 16, replicas: 3, epoch: 1 });
  assert.deepEqual(table.fallbacks(5), table.fallbacks(5));
  assert.equal(table.fallbacks(5).length, 4);
});

test('the fingerprint differs when anything but the epoch does', () => {
  const options = { members: equalMembers(4), partitions: 16, replicas: 2, epoch: 1 };
  const table = computePlacement(options);
  const same = computePlacement({ ...options, epoch: 9 });
  assert.equal(placementFingerprint(table), placementFingerprint(same));
  const changed = (part: Partial<PlacementTable>): PlacementTable => ({
    epoch: table.epoch,
    partitions: table.partitions,
    replicas: table.replicas,
    owners: (partition) => table.owners(partition),
    fallbacks: (partition) => table.fallbacks(partition),
    ...part,
  });
  const reversedAt = (list: 'owners' | 'fallbacks', at: number) => (partition: number) =>
    partition === at ? table[list](partition).toReversed() : table[list](partition);
  const different = [
    changed({ partitions: 8 }),
    changed({ replicas: 3 }),
    changed({ owners: reversedAt('owners', 15) }),
    changed({ fallbacks: reversedAt('fallbacks', 0) }),
    computePlacement({ ...options, members: equalMembers(5) }),
    computePlacement({
      ...options,
      members: equalMembers(4).map((member) => ({ ...member, id: `${member.id}x` as NodeId })),
    }),
  ];
  assert.equal(placementFingerprint(changed({})), placementFingerprint(table));
  for (const other of different) assert.notEqual(placementFingerprint(other), placementFingerprint(table));
});

test('members that make no sense are refused by name', () => {
  const [first, second] = equalMembers(2);
  assert.ok(first !== undefined && second !== undefined);
  const place = (members: readonly Member[], previous?: PlacementTable): PlacementTable =>
    computePlacement({ members, partitions: 8, replicas: 2, epoch: 1, ...(previous && { previous }) });
  assert.throws(() => place([]), { code: 'CONFIG_INVALID' });
  assert.throws(() => place([first, second, first]), /n0 occurs twice/);
  for (const weight of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
    assert.throws(() => place([first, { ...second, weight }]), /the weight of n1/);
  }
  const other = computePlacement({ members: [first], partitions: 4, replicas: 2, epoch: 1 });
  assert.throws(() => place([first], other), /number of partitions is 4/);
});

/**
 * The fewest moves from `before` to any table with the slots that each member has in `after`, by the plainest
 * min-cost flow there is: source → partition → partition's zone → member → sink, Bellman-Ford.
 */
function fewestMoves(before: PlacementTable, after: PlacementTable, members: readonly Member[]): number {
  const replicas = Math.min(after.replicas, members.length);
  const sorted = members.toSorted((left, right) => (left.id < right.id ? -1 : 1));
  const zones = zonesOf(sorted, replicas);
  const slots = slotCounts(after);
  const flow = new PlainFlow();
  for (let partition = 0; partition < after.partitions; partition++) {
    flow.arc('source', `p${partition}`, replicas, 0);
    zones.replicasMax.forEach((limit, zone) => flow.arc(`p${partition}`, `p${partition}z${zone}`, limit, 0));
    sorted.forEach(({ id }, index) => {
      const cost = before.owners(partition).includes(id) ? 0 : 1;
      flow.arc(`p${partition}z${zones.of[index] ?? 0}`, id, 1, cost);
    });
  }
  for (const { id } of sorted) flow.arc(id, 'sink', slots.get(id) ?? 0, 0);
  return flow.cheapest(after.partitions * replicas);
}

interface Arc {
  readonly from: string;
  readonly to: string;
  room: number;
  readonly cost: number;
  readonly back: Arc | undefined;
}

class PlainFlow {
  readonly #arcs: Arc[] = [];
  readonly #nodes = new Set<string>();

  arc(from: string, to: string, room: number, cost: number): void {
    const there: { -readonly [Field in keyof Arc]: Arc[Field] } = { from, to, room, cost, back: undefined };
    const back: Arc = { from: to, to: from, room: 0, cost: -cost, back: there };
    there.back = back;
    this.#arcs.push(there, back);
    this.#nodes.add(from).add(to);
  }

  cheapest(units: number): number {
    let total = 0;
    for (let unit = 0; unit < units; unit++) {
      const distances = new Map<string, number>([['source', 0]]);
      const through = new Map<string, Arc>();
      for (let isChanged = true; isChanged;) {
        isChanged = false;
        for (const arc of this.#arcs) {
          const distance = (distances.get(arc.from) ?? Number.POSITIVE_INFINITY) + arc.cost;
          if (arc.room === 0 || distance >= (distances.get(arc.to) ?? Number.POSITIVE_INFINITY)) continue;
          distances.set(arc.to, distance);
          through.set(arc.to, arc);
          isChanged = true;
        }
      }
      total += distances.get('sink') ?? Number.NaN;
      for (let arc = through.get('sink'); arc !== undefined; arc = through.get(arc.from)) {
        arc.room--;
        if (arc.back !== undefined) arc.back.room++;
      }
    }
    return total;
  }
}

test('a table tells of zones where some members share one and others do not', () => {
  const place = (zones: number): PlacementTable =>
    computePlacement({ members: equalMembers(4, zones), partitions: 8, replicas: 2, epoch: 1 });
  assert.deepEqual(
    [...(place(2).zones ?? [])],
    [
      ['n0', 'z0'],
      ['n1', 'z1'],
      ['n2', 'z0'],
      ['n3', 'z1'],
    ],
  );
  assert.equal(place(1).zones, undefined);
  assert.equal(place(4).zones, undefined);
});
