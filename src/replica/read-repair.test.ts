import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultTiming, type NodeId } from '../core/config.ts';
import { crc32 } from '../core/crc32.ts';
import { limits } from '../core/limits.ts';
import { encodeRecord } from '../core/record.ts';
import type { Coordination } from './coordination.ts';
import { ReadRepair } from './read-repair.ts';
import type { OnResult, RemoteCalls } from './remote-calls.ts';
import type { Replica } from './replica.ts';
import { keyOf, playOnStage, second, someValue } from './stage-harness-contract.ts';

const key = keyOf(1);

/** Until a read asks all three replicas, so that one that no quorum needs is compared too. */
const readsUntilAllAreAsked = 300;

test('an owner that missed a delete gets the tombstone by being read', () =>
  playOnStage({ hintedHandoff: false, antiEntropy: false }, async ({ cluster, world, node, machine }) => {
    await node(1).put({ key, value: someValue });
    await world.sleep(second);
    machine(3).crash({ kind: 'killed', unsynced: 'lose' });
    await world.sleep(second);
    assert.equal((await node(1).delete({ key })).kind, 'stored');
    assert.equal(await cluster.startAll(10 * second), true);
    await world.sleep(3 * second);
    assert.equal((await node(3).local.get(key))?.version.tombstone, false);
    for (let read = 0; read < readsUntilAllAreAsked; read++) await node(1).get({ key });
    await world.sleep(second);
    assert.equal((await node(3).local.get(key))?.version.tombstone, true);
  }));

test('a read does not wait for the repair of an owner that no quorum needs', () =>
  playOnStage({ hintedHandoff: false, antiEntropy: false }, async (stage) => {
    const { cluster, world, node, machine } = stage;
    machine(3).crash({ kind: 'killed', unsynced: 'lose' });
    await world.sleep(second);
    await node(1).put({ key, value: someValue });
    assert.equal(await cluster.startAll(10 * second), true);
    await world.sleep(3 * second);
    stage.slowDown(3, 1_000);
    let slowestMs = 0;
    for (let read = 0; read < readsUntilAllAreAsked; read++) {
      slowestMs = Math.max(slowestMs, await stage.timeMs(() => node(1).get({ key })));
    }
    assert.ok(slowestMs < 100, `${slowestMs} ms`);
    await world.sleep(5 * second);
    assert.notEqual(await node(3).local.get(key), undefined);
  }));

test('repairs under way are bounded, go to owners only, and make room when they end', () => {
  const [n1, n2, n4] = ['n1' as NodeId, 'n2' as NodeId, 'n4' as NodeId];
  const counted: string[] = [];
  const asked: (readonly NodeId[])[] = [];
  const results: OnResult[] = [];
  const calls: Pick<RemoteCalls, 'ask'> = {
    ask(peers, _request, _timeoutMs, onResult) {
      asked.push(peers);
      results.push(onResult);
    },
  };
  const replica: Pick<Replica, 'owns'> = { owns: (_token, node) => node !== n4 };
  const coordination = {
    observer: { log: () => undefined, count: (name: string) => counted.push(name) },
    config: { id: n1, timing: defaultTiming },
    replica,
    calls,
  };
  const dot = { wallMs: 1, counter: 0, actor: 'n1.abcdef' };
  const record = encodeRecord({ key, dot, value: someValue }, crc32);
  const readRepair = new ReadRepair(coordination as unknown as Coordination);
  for (let repair = 0; repair <= limits.readRepairsInFlightMax; repair++) readRepair.repair(record, [n2, n4]);
  assert.equal(asked.length, limits.readRepairsInFlightMax);
  assert.deepEqual(asked[0], [n2]);
  assert.deepEqual(counted, ['read-repairs.skipped']);
  results[0]?.(n2, { kind: 'timeout' });
  readRepair.repair(record, [n2]);
  assert.equal(asked.length, limits.readRepairsInFlightMax + 1);
  assert.deepEqual(counted, ['read-repairs.skipped', 'read-repairs.failed']);
});
