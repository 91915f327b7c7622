import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ReadTally, WriteTally } from './quorum.ts';
import type { VersionDigest } from './record.ts';

function digest(wallMs: number, actor = 'a'): VersionDigest {
  return { dot: { wallMs, counter: 0, actor }, tombstone: false, expiresAtMs: 0, checksum: 7 };
}

test('a write is met by the W-th acknowledgement that counts', () => {
  const tally = new WriteTally(2);
  for (let holder = 0; holder < 3; holder++) tally.ask(true);
  tally.acknowledge(true);
  assert.equal(tally.state, 'pending');
  tally.acknowledge(true);
  assert.equal(tally.state, 'met');
  assert.equal(tally.acknowledged, 2);
});

test('an acknowledgement that does not count never meets a quorum', () => {
  const tally = new WriteTally(1);
  tally.ask(false);
  tally.acknowledge(false);
  assert.equal(tally.state, 'missed');
  assert.equal(tally.acknowledged, 0);
});

test('a write is missed once nobody is left to acknowledge, and pending again when another is asked', () => {
  const tally = new WriteTally(2);
  tally.ask(true);
  tally.ask(true);
  tally.fail(true);
  assert.equal(tally.state, 'pending');
  tally.acknowledge(true);
  assert.equal(tally.state, 'missed');
  tally.ask(true);
  assert.equal(tally.state, 'pending');
});

test('a write tally is met exactly when at least W of the counting holders acknowledged', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 5 }),
      fc.array(fc.record({ counts: fc.boolean(), stored: fc.boolean() }), { maxLength: 9 }),
      (required, holders) => {
        const tally = new WriteTally(required);
        for (const { counts } of holders) tally.ask(counts);
        for (const { counts, stored } of holders) {
          if (stored) tally.acknowledge(counts);
          else tally.fail(counts);
        }
        const acknowledged = holders.filter(({ counts, stored }) => counts && stored).length;
        assert.equal(tally.state, acknowledged >= required ? 'met' : 'missed');
      },
    ),
  );
});

test('silence that is no evidence does not count toward R', () => {
  const tally = new ReadTally<string>(2);
  tally.add({ from: 'owner', evidence: true, digest: undefined });
  tally.add({ from: 'fallback', evidence: false, digest: undefined });
  assert.equal(tally.enough, false);
  tally.add({ from: 'other owner', evidence: true, digest: undefined });
  assert.equal(tally.enough, true);
  assert.equal(tally.newest, undefined);
});

test('the newest version decides who holds it and who lags', () => {
  const tally = new ReadTally<string>(2);
  tally.add({ from: 'n1', evidence: true, digest: digest(5) });
  tally.add({ from: 'n2', evidence: true, digest: digest(9) });
  tally.add({ from: 'n3', evidence: true, digest: undefined });
  assert.deepEqual(tally.holders(), ['n2']);
  assert.deepEqual(tally.laggards(), ['n1', 'n3']);
  assert.equal(tally.agreeing, 1);
});

test('a replica that answers again replaces its answer', () => {
  const tally = new ReadTally<string>(2);
  tally.add({ from: 'n1', evidence: true, digest: digest(5) });
  tally.add({ from: 'n2', evidence: true, digest: digest(9) });
  tally.add({ from: 'n1', evidence: true, digest: digest(9) });
  assert.equal(tally.answered, 2);
  assert.equal(tally.agreeing, 2);
  assert.deepEqual(tally.laggards(), []);
});

test('what holds the newest version without being evidence does not count as agreeing', () => {
  const tally = new ReadTally<string>(2);
  tally.add({ from: 'damaged', evidence: false, digest: digest(9) });
  tally.add({ from: 'n2', evidence: true, digest: digest(5) });
  tally.add({ from: 'n3', evidence: true, digest: digest(5) });
  assert.equal(tally.enough, true);
  assert.equal(tally.agreeing, 0);
  assert.deepEqual(tally.holders(), ['damaged']);
});

test('what a replica acknowledges does not take back the newer version that it answered with meanwhile', () => {
  const tally = new ReadTally<string>(2);
  tally.add({ from: 'n1', evidence: true, digest: digest(1) });
  tally.add({ from: 'n2', evidence: true, digest: digest(3) });
  tally.confirm('n1', digest(2));
  tally.confirm('n2', digest(2));
  assert.deepEqual(tally.newest, digest(3));
  assert.deepEqual(tally.holders(), ['n2']);
  assert.deepEqual(tally.laggards(), ['n1']);
  tally.confirm('n1', digest(3));
  assert.equal(tally.agreeing, 2);
});
