import assert from 'node:assert/strict';
import { test } from 'node:test';

import fc from 'fast-check';

import { placementFingerprint } from '../core/placement.ts';
import { placementFor } from '../replica/node.ts';
import { formatAddress } from './address.ts';
import { addressesOf, clientAddressOf, nodeConfigOf, type ClusterSettings } from './cluster-settings.ts';
import { parseNodesFile } from './nodes-file.ts';

interface Entry {
  readonly id: string;
  readonly addr: string;
  readonly peerAddr?: string;
  readonly zone?: string;
  readonly workers?: number;
}

/** Machines with so many workers each, their ports apart. */
function machines(workers: readonly number[], zones?: readonly string[]): Entry[] {
  return workers.map((count, index) => ({
    id: `n${index + 1}`,
    addr: `127.0.0.1:${9_001 + index}`,
    peerAddr: `127.0.0.1:${10_000 + index * 100}`,
    workers: count,
    ...(zones && { zone: zones[index] ?? '' }),
  }));
}

function settingsOf(
  nodes: readonly Entry[],
  fields: Readonly<Record<string, unknown>> = {},
): ClusterSettings {
  return parseNodesFile(JSON.stringify({ nodes, ...fields }), 'nodes.json');
}

function problemsOf(nodes: readonly Entry[], fields: Readonly<Record<string, unknown>> = {}): string {
  try {
    settingsOf(nodes, fields);
  } catch (error) {
    assert.ok(error instanceof Error);
    return error.message;
  }
  assert.fail('accepted');
}

test('a node with workers is as many members, each with an address of its own and one for all', () => {
  const { nodes, partitions } = settingsOf(machines([2, 1, 3]));
  assert.deepEqual(
    nodes.map((node) => [
      node.id,
      formatAddress(node.address),
      formatAddress(clientAddressOf(node)),
      node.zone,
    ]),
    [
      ['n1', '127.0.0.1:10000', '127.0.0.1:9001', 'n1'],
      ['n1-2', '127.0.0.1:10001', '127.0.0.1:9001', 'n1'],
      ['n2', '127.0.0.1:9002', '127.0.0.1:9002', 'n2'],
      ['n3', '127.0.0.1:10200', '127.0.0.1:9003', 'n3'],
      ['n3-2', '127.0.0.1:10201', '127.0.0.1:9003', 'n3'],
      ['n3-3', '127.0.0.1:10202', '127.0.0.1:9003', 'n3'],
    ],
  );
  assert.deepEqual(nodes.map(addressesOf).slice(1, 3), [
    '127.0.0.1:10001 and 127.0.0.1:9001',
    '127.0.0.1:9002',
  ]);
  // As without workers: their number is fixed for the life of the cluster.
  assert.equal(partitions, 256);
});

test('one worker is none: the members and the placement are those of a file that does not speak of workers', () => {
  const withOne = settingsOf(machines([1, 1, 1]));
  const without = settingsOf(
    machines([1, 1, 1]).map(({ id, addr, peerAddr = '' }) => ({ id, addr, peerAddr })),
  );
  assert.deepEqual(withOne, without);
  assert.deepEqual([...new Set(without.nodes.map(({ zone }) => zone))], ['']);
});

test('copies of a key are on different machines wherever there are as many as copies', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 6 }),
      fc.integer({ min: 1, max: 5 }),
      fc.constantFrom(1, 8, 64),
      (workers, n, vnodes) => {
        const members = workers.reduce((sum, count) => sum + count, 0);
        fc.pre(n <= members && vnodes * workers.length >= members);
        const settings = settingsOf(machines(workers), { n, r: 1, w: n, vnodes });
        const machineOf = new Map(settings.nodes.map((node) => [node.id, node.worker?.node ?? node.id]));
        const [first] = settings.nodes;
        assert.ok(first !== undefined);
        const placement = placementFor(nodeConfigOf(settings, first.id));
        const ownedBy = new Map<string, number>();
        for (let partition = 0; partition < placement.partitions; partition++) {
          const owners = placement.owners(partition);
          const copies = workers.map(
            (_count, index) => owners.filter((owner) => machineOf.get(owner) === `n${index + 1}`).length,
          );
          assert.ok(Math.max(...copies) <= copiesMax(workers, n), owners.join());
          for (const owner of owners) ownedBy.set(owner, (ownedBy.get(owner) ?? 0) + 1);
        }
        if (placement.partitions >= 8 * members) {
          assert.equal(ownedBy.size, members, 'every worker owns something');
        }
      },
    ),
    { numRuns: 60 },
  );
});

/** The most copies that one machine must hold: one where there are enough, and no more than it takes elsewhere. */
function copiesMax(workers: readonly number[], n: number): number {
  for (let most = 1; ; most++) {
    if (workers.reduce((sum, count) => sum + Math.min(count, most), 0) >= n) return most;
  }
}

test('every node comes to the same members, whatever the order in the file is', () => {
  const entries = machines([2, 3, 1, 2]);
  const fingerprintOf = (nodes: readonly Entry[]): number => {
    const settings = settingsOf(nodes);
    const [first] = settings.nodes;
    assert.ok(first !== undefined);
    return placementFingerprint(placementFor(nodeConfigOf(settings, first.id)));
  };
  assert.equal(fingerprintOf(entries), fingerprintOf(entries.toReversed()));
  assert.notEqual(fingerprintOf(entries), fingerprintOf(machines([2, 3, 1, 1])));
});

test('zones of the file keep copies apart if there are enough of them', () => {
  const { nodes } = settingsOf(machines([2, 2, 1], ['a', 'b', 'c']));
  assert.deepEqual(
    nodes.map(({ zone }) => zone),
    ['a', 'a', 'b', 'b', 'c'],
  );
  assert.match(problemsOf(machines([2, 2, 1], ['a', 'a', 'b'])), /n is 3 and there are 2 zones/);
  const [first, ...others] = machines([2, 1, 1]);
  assert.ok(first !== undefined);
  assert.match(problemsOf([{ ...first, zone: 'a' }, ...others]), /either all or none must have one/);
});

test('fewer machines than copies are allowed, and said', () => {
  const { nodes, warnings, quorum } = settingsOf(machines([4]));
  assert.equal(nodes.length, 4);
  assert.equal(quorum.n, 3);
  assert.match(warnings.join(), /n is 3 and there is one node: workers of one machine hold several copies/);
});

test('what workers cannot be is refused by field, value and what is allowed', () => {
  for (const workers of [0, -1, 1.5, 1e9, 65]) {
    assert.match(
      problemsOf(machines([workers, 1, 1])),
      /nodes\[0\]\.workers is .*, but must be an integer from 1 to 64/,
    );
  }
  const [first, ...others] = machines([2, 1, 1]);
  assert.ok(first !== undefined);
  const changed = (changes: Partial<Entry>): string => problemsOf([{ ...first, ...changes }, ...others]);
  assert.match(
    problemsOf([{ id: 'n1', addr: '127.0.0.1:9001', workers: 2 }, ...others]),
    /nodes\[0\]\.peerAddr is missing; with workers it must be host:port/,
  );
  assert.match(changed({ peerAddr: '127.0.0.1:65535' }), /has port 65535, but must have one up to 65534/);
  assert.match(
    changed({ peerAddr: '127.0.0.1:9001' }),
    /nodes\[0\]\.peerAddr is "127\.0\.0\.1:9001", but must differ from nodes\[0\]\.addr/,
  );
  assert.match(
    changed({ peerAddr: '127.0.0.1:10099' }),
    /nodes\[1\]\.peerAddr is "127\.0\.0\.1:10100", but must differ from the address of worker n1-2 of nodes\[0\]/,
  );
  assert.match(
    problemsOf([first, { id: 'N1-2', addr: '127.0.0.1:9002' }, { id: 'n3', addr: '127.0.0.1:9003' }]),
    /nodes\[1\]\.id is "N1-2", but must differ from the id of worker n1-2 of nodes\[0\]/,
  );
  assert.match(changed({ id: 'x'.repeat(63) }), /nodes\[0\]\.id is too long/);
  assert.match(
    problemsOf(machines([64, 64, 64, 64, 2])),
    /have 258 workers together, but may have at most 256/,
  );
  assert.match(
    problemsOf(machines([5, 4, 3]), { partitions: 8 }),
    /partitions is 8, but must be at least 12/,
  );
  assert.match(
    problemsOf(machines([5, 4, 3]), { vnodes: 1 }),
    /vnodes is 1, which makes 4 partitions.* at least 12/,
  );
});
