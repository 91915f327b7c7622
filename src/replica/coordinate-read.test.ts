/** What a coordinator believes of the answers to its read; the flows themselves are in coordination.test.ts. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultTiming, type NodeConfig, type NodeId } from '../core/config.ts';
import { crc32 } from '../core/crc32.ts';
import { decodeRecord, encodeRecord, type StoredRecord } from '../core/record.ts';
import type { Random } from '../ports/random.ts';
import type { Transport } from '../ports/transport.ts';
import { decodeMessage } from '../protocol/message-codec.ts';
import type { GetRequestMessage, Reply } from '../protocol/messages.ts';
import { ManualClock } from '../sim/manual-clock.ts';
import { SimDisk } from '../sim/sim-disk.ts';
import type { LogStore } from '../storage/log-store.ts';
import { openTestStore } from '../storage/log-store-harness-contract.ts';
import { coordinateRead } from './coordinate-read.ts';
import type { Coordination } from './coordination.ts';
import { Counters } from './counters.ts';
import type { ReadOutcome } from './node-api.ts';
import { HedgePacing } from './hedge-pacing.ts';
import { HintAdmission } from './hint-admission.ts';
import { NodeClock } from './node-clock.ts';
import { placementFor } from './node.ts';
import { WritesUnderWay } from './writes-under-way.ts';
import { PeerSuspicion } from './peer-suspicion.ts';
import { ReadRepair } from './read-repair.ts';
import { RemoteCalls } from './remote-calls.ts';
import { Replica } from './replica.ts';

const [n1, n2, n3] = ['n1' as NodeId, 'n2' as NodeId, 'n3' as NodeId];
const key = new TextEncoder().encode('cart/1');
const wallMs = 1_000_000;

const config: NodeConfig = {
  id: n1,
  members: [n1, n2, n3].map((id) => ({ id, weight: 1, zone: id })),
  clusterName: 'test',
  partitions: 16,
  quorum: { n: 3, r: 3, w: 2 },
  quorumMode: 'sloppy',
  valueBytesMax: 1024,
  timing: defaultTiming,
};

function recordAt(counter: number, value: string): StoredRecord {
  const dot = { wallMs, counter, actor: 'n2.abcdef' };
  return encodeRecord({ key, dot, value: new TextEncoder().encode(value) }, crc32);
}

interface Stage {
  readonly store: LogStore;
  readonly clock: ManualClock;
  readonly suspicion: PeerSuspicion;
  /** Whether reads ask all three, as at the start, or only as many as they need. */
  ask(whom: 'all' | 'required'): void;
  read(r: number): Promise<ReadOutcome>;
}

/** A coordinator n1 that owns the key too; `answer` is what its peers n2 and n3 say. */
async function startCoordinator(
  answer: (peer: NodeId, want: GetRequestMessage['want'], timeoutMs: number) => Reply | Promise<Reply>,
): Promise<Stage> {
  const clock = new ManualClock(wallMs);
  const observer = new Counters({ log: () => undefined, count: () => undefined });
  const nodeClock = new NodeClock({
    clock,
    clockSkewMsMax: config.timing.clockSkewMsMax,
    boundAtStartMs: 0,
    saveBound: () => Promise.resolve(),
  });
  const transport: Pick<Transport, 'send'> = {
    send(to, frame) {
      const message = decodeMessage(frame);
      if (message.type !== 'request') return false;
      const { request } = message;
      const asked =
        request.kind === 'get' ? answer(to, request.want, request.timeoutMs) : ({ kind: 'stored' } as const);
      void Promise.resolve(asked).then((reply) =>
        setImmediate(() => calls.onReply({ id: to, incarnation: 1, life: 1 }, message.header, reply)),
      );
      return true;
    },
  };
  const calls = new RemoteCalls({
    transport: transport as Transport,
    clock,
    epoch: 1,
    incarnation: 1,
    clockReading: () => nodeClock.last,
    peerIncarnation: () => 1,
  });
  const store = await openTestStore(new SimDisk());
  const placement = placementFor(config);
  const checksum = crc32;
  const isWitness = (): boolean => true;
  const replica = new Replica({ config, store, placement, clock: nodeClock, checksum, observer, isWitness });
  // The draw that makes a read ask all three.
  let drawn = 0;
  const random: Random = { below: () => drawn };
  const suspicion = new PeerSuspicion({ peers: [n2, n3], onChange: () => undefined });
  const coordination: Coordination = {
    ...{ config, placement, replica, calls, nodeClock, clock, random, checksum, observer },
    isUp: () => true,
    suspicion,
    hedging: new HedgePacing({ delayMsMax: 50, usualMsMax: () => suspicion.usualMsMax }),
    hintAdmission: new HintAdmission(),
    writesUnderWay: new WritesUnderWay(),
  };
  const readRepair = new ReadRepair(coordination);
  return {
    store,
    clock,
    suspicion,
    ask(whom) {
      drawn = whom === 'all' ? 0 : 1;
    },
    read: (r) => coordinateRead(coordination, readRepair, { key, r, strict: false, timeoutMs: 1_000 }),
  };
}

/** Lets everything that is under way without time passing come to an end. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
}

function digestOf(record: StoredRecord): Reply {
  return { kind: 'digest', evidence: true, digest: record.version };
}

function replyOf(record: StoredRecord): Reply {
  return { kind: 'record', evidence: true, record };
}

function textOf(outcome: ReadOutcome): string {
  return outcome.kind === 'found' ? new TextDecoder().decode(outcome.version.value) : outcome.kind;
}

const never = new Promise<Reply>(() => undefined);

test('a newer version that turns up while an older one is fetched is what the read answers with', async () => {
  const [older, newer] = [recordAt(2, 'apples'), recordAt(3, 'pears')];
  let isFetched = (): void => undefined;
  const fetched = new Promise<void>((resolve) => {
    isFetched = resolve;
  });
  const { store, read } = await startCoordinator(async (peer, want) => {
    if (peer === n3) {
      await fetched;
      return want === 'digest' ? digestOf(newer) : replyOf(newer);
    }
    if (want === 'digest') return digestOf(older);
    isFetched();
    await settle();
    return replyOf(older);
  });
  await store.merge(recordAt(1, 'plums'));
  assert.equal(textOf(await read(2)), 'pears');
  await store.close();
});

test('a newer version that turns up while an older one is written back is what the read answers with', async () => {
  const [older, newer] = [recordAt(2, 'apples'), recordAt(3, 'pears')];
  let isWrittenBack = (): void => undefined;
  const writtenBack = new Promise<void>((resolve) => {
    isWrittenBack = resolve;
  });
  const { store, read } = await startCoordinator(async (peer, want) => {
    if (peer === n3) {
      await writtenBack;
      return want === 'digest' ? digestOf(newer) : replyOf(newer);
    }
    if (want === 'digest') return digestOf(older);
    // The write-back begins with this answer, and n3 is heard of before it ends.
    setImmediate(isWrittenBack);
    return replyOf(older);
  });
  await store.merge(recordAt(1, 'plums'));
  assert.equal(textOf(await read(2)), 'pears');
  await store.close();
});

test('a silent replica is replaced after a few milliseconds', async () => {
  const record = recordAt(1, 'apples');
  const asked: NodeId[] = [];
  const { store, clock, ask, read } = await startCoordinator((peer) => {
    asked.push(peer);
    return asked.length === 1 ? never : digestOf(record);
  });
  await store.merge(record);
  ask('required');
  const reading = read(2);
  await settle();
  assert.equal(asked.length, 1);
  clock.advance(10);
  await settle();
  assert.equal(new Set(asked).size, 2);
  assert.equal(textOf(await reading), 'apples');
  await store.close();
});

test('whoever is asked later has what is left of the time of the read, not all of it', async () => {
  const record = recordAt(1, 'apples');
  const timesMs: number[] = [];
  const { store, clock, ask, read } = await startCoordinator((_peer, _want, timeoutMs) => {
    timesMs.push(timeoutMs);
    return never;
  });
  await store.merge(record);
  ask('required');
  const reading = read(2);
  await settle();
  for (let step = 0; step < 100; step++) {
    clock.advance(10);
    await settle();
  }
  assert.equal((await reading).kind, 'unavailable');
  assert.equal(timesMs.length, 2);
  assert.equal(timesMs[0], 1_000);
  assert.ok((timesMs[1] ?? 0) <= 995 && (timesMs[1] ?? 0) > 800, `${timesMs[1]} ms`);
  await store.close();
});

test('a holder that does not hand out its record is replaced by another holder', async () => {
  const [older, newer] = [recordAt(1, 'apples'), recordAt(2, 'pears')];
  const handedOut: NodeId[] = [];
  const { store, clock, read } = await startCoordinator((peer, want) => {
    if (want === 'digest') return digestOf(newer);
    handedOut.push(peer);
    return handedOut.length === 1 ? never : replyOf(newer);
  });
  await store.merge(older);
  const reading = read(2);
  await settle();
  assert.equal(handedOut.length, 1);
  clock.advance(25);
  await settle();
  assert.equal(new Set(handedOut).size, 2);
  assert.equal(textOf(await reading), 'pears');
  await store.close();
});

test('a replica that never answers is asked last after a few reads', async () => {
  const record = recordAt(1, 'apples');
  const asked: NodeId[] = [];
  const { store, clock, ask, read } = await startCoordinator((peer) => {
    asked.push(peer);
    return peer === n2 ? never : digestOf(record);
  });
  await store.merge(record);
  // Both peers are asked a few times, so that n3 has an average to compare with.
  for (let round = 0; round < 6; round++) {
    const reading = read(2);
    await settle();
    clock.advance(30);
    assert.equal(textOf(await reading), 'apples');
  }
  ask('required');
  asked.length = 0;
  assert.equal(textOf(await read(2)), 'apples');
  assert.deepEqual(asked.slice(0, 1), [n3]);
  await store.close();
});

test('a read that this node slept through asks nobody else and blames nobody', async () => {
  const record = recordAt(1, 'apples');
  const asked: NodeId[] = [];
  const { store, clock, ask, suspicion, read } = await startCoordinator((peer) => {
    asked.push(peer);
    return never;
  });
  await store.merge(record);
  ask('required');
  void read(2);
  await settle();
  clock.sleepThrough(300);
  await settle();
  assert.equal(asked.length, 1);
  assert.equal(suspicion.anyDemoted, false);
  clock.advance(2_000);
  await settle();
  await store.close();
});

test('a record that was damaged on its way to the coordinator is asked of the next holder', async () => {
  const record = recordAt(1, 'apples');
  const damagedBytes = record.bytes.slice();
  damagedBytes.set([0x41], damagedBytes.length - 1);
  const damaged = decodeRecord(damagedBytes);
  // The first peer that is asked for the record hands out a damaged one, the next what was written.
  const handedOut: NodeId[] = [];
  const { store, read } = await startCoordinator((peer, want) => {
    if (want === 'digest') return { kind: 'digest', evidence: true, digest: record.version };
    handedOut.push(peer);
    return { kind: 'record', evidence: true, record: handedOut.length === 1 ? damaged : record };
  });
  const outcome = await read(3);
  assert.ok(outcome.kind === 'found');
  assert.equal(new TextDecoder().decode(outcome.version.value), 'apples');
  assert.equal(new Set(handedOut).size, 2);
  await store.close();
});

test('an owner that answered with something older is repaired behind the answer', async () => {
  const [older, newer] = [recordAt(1, 'apples'), recordAt(2, 'pears')];
  const { store, read } = await startCoordinator((_peer, want) =>
    want === 'digest'
      ? { kind: 'digest', evidence: true, digest: newer.version }
      : { kind: 'record', evidence: true, record: newer },
  );
  await store.merge(older);
  // The two others agree, so nothing has to be written back before the answer.
  const outcome = await read(2);
  assert.ok(outcome.kind === 'found');
  assert.equal(new TextDecoder().decode(outcome.version.value), 'pears');
  await store.sync();
  const held = await store.get(key, newer.token);
  assert.deepEqual(held?.bytes, newer.bytes);
  await store.close();
});
