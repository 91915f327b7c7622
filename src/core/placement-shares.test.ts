import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Member, NodeId } from './config.ts';
import { fairShares, wholeShares, zonesOf } from './placement-shares.ts';

function member(id: string, weight = 1, zone = ''): Member {
  return { id: id as NodeId, weight, zone };
}

const cluster = fc
  .record({
    nodes: fc.array(
      fc.record({
        weight: fc.oneof(
          fc.constant(1),
          fc.integer({ min: 1, max: 20 }),
          fc.double({ min: 0.01, max: 100, noNaN: true }),
        ),
        zone: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
      }),
      { minLength: 1, maxLength: 32 },
    ),
    partitions: fc.constantFrom(1, 2, 8, 64, 256, 1_024),
    n: fc.integer({ min: 1, max: 5 }),
    held: fc.array(fc.nat({ max: 1_024 }), { minLength: 32, maxLength: 32 }),
  })
  .map(({ nodes, partitions, n, held }) => ({
    members: nodes.map(({ weight, zone }, index) => member(`n${index}`, weight, zone)),
    partitions,
    replicas: Math.min(n, nodes.length),
    held: held.slice(0, nodes.length),
  }));

/** Calls `check` with each member's number, share and zone. */
function sumWhere(numbers: readonly number[], matches: (index: number) => boolean): number {
  return numbers.reduce((sum, number, index) => (matches(index) ? sum + number : sum), 0);
}

const tolerance = 1e-4;

test('fair shares give out all slots, no member more than all partitions, no zone more than its limit', () => {
  fc.assert(
    fc.property(cluster, ({ members, partitions, replicas }) => {
      const shares = fairShares({ members, partitions, replicas });
      const zones = zonesOf(members, replicas);
      assert.ok(Math.abs(sumWhere(shares, () => true) - partitions * replicas) < tolerance);
      for (const share of shares) assert.ok(share > 0 && share <= partitions + tolerance);
      zones.replicasMax.forEach((limit, zone) => {
        assert.ok(sumWhere(shares, (index) => zones.of[index] === zone) <= limit * partitions + tolerance);
      });
    }),
    { numRuns: 300 },
  );
});

test('a member has less for its weight than another only where a limit holds it back', () => {
  fc.assert(
    fc.property(cluster, ({ members, partitions, replicas }) => {
      const shares = fairShares({ members, partitions, replicas });
      const zones = zonesOf(members, replicas);
      const forWeight = members.map(({ weight }, index) => (shares[index] ?? 0) / weight);
      members.forEach((_, index) => {
        if ((shares[index] ?? 0) >= partitions - tolerance) return;
        const zone = zones.of[index] ?? 0;
        const inZone = sumWhere(shares, (other) => zones.of[other] === zone);
        const isZoneFull = inZone >= (zones.replicasMax[zone] ?? 0) * partitions - tolerance;
        members.forEach((_other, other) => {
          if (isZoneFull && zones.of[other] !== zone) return;
          const own = forWeight[index] ?? 0;
          assert.ok(own >= (forWeight[other] ?? 0) * (1 - tolerance), `n${index} has less than n${other}`);
        });
      });
    }),
    { numRuns: 300 },
  );
});

test('whole shares are the fair ones rounded down or up, and keep to the limits', () => {
  fc.assert(
    fc.property(cluster, ({ members, partitions, replicas, held }) => {
      const options = { members, partitions, replicas };
      const shares = fairShares(options);
      const slots = wholeShares(options, held);
      const zones = zonesOf(members, replicas);
      assert.equal(
        sumWhere(slots, () => true),
        partitions * replicas,
      );
      slots.forEach((count, index) => {
        const share = shares[index] ?? 0;
        assert.ok(count === Math.floor(share) || count === Math.ceil(share), `${count} slots for ${share}`);
      });
      zones.replicasMax.forEach((limit, zone) => {
        const inZone = sumWhere(slots, (index) => zones.of[index] === zone);
        const share = sumWhere(shares, (index) => zones.of[index] === zone);
        assert.ok(inZone <= limit * partitions);
        assert.ok(Math.abs(inZone - share) < 1 + tolerance);
      });
    }),
    { numRuns: 300 },
  );
});

test('who holds more than its share is rounded up', () => {
  const members = ['a', 'b', 'c'].map((id) => member(id));
  const options = { members, partitions: 4, replicas: 1 };
  assert.deepEqual(wholeShares(options, [1, 2, 1]), [1, 2, 1]);
  assert.deepEqual(wholeShares(options, [1, 1, 2]), [1, 1, 2]);
});

test('weights are shares of the slots', () => {
  const members = [member('a', 1), member('b', 2), member('c', 5)];
  assert.deepEqual(fairShares({ members, partitions: 16, replicas: 1 }), [2, 4, 10]);
});

test('a heavy member owns every partition once, and the others share the rest by weight', () => {
  const members = [member('a', 100), member('b', 1), member('c', 3)];
  assert.deepEqual(fairShares({ members, partitions: 16, replicas: 2 }), [16, 4, 12]);
});

test('with as many zones as replicas every zone owns each partition once, whatever the weights', () => {
  const members = [member('a', 1, 'x'), member('b', 1, 'y'), member('c', 1, 'z'), member('d', 3, 'z')];
  assert.deepEqual(fairShares({ members, partitions: 16, replicas: 3 }), [16, 16, 4, 12]);
});

test('with fewer zones than replicas no zone owns more of a partition than it must', () => {
  const members = ['a', 'b', 'c', 'd'].map((id) => member(id, 1, id === 'a' ? 'x' : 'y'));
  assert.deepEqual(zonesOf(members, 3).replicasMax, [1, 2]);
  assert.deepEqual(
    fairShares({ members, partitions: 6, replicas: 3 }).map((share) => Math.round(share * 100) / 100),
    [6, 4, 4, 4],
  );
});
