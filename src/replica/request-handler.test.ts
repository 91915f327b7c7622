import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NodeId } from '../core/config.ts';
import { crc32 } from '../core/crc32.ts';
import { limits } from '../core/limits.ts';
import { decodeRecord, encodeRecord, type StoredRecord } from '../core/record.ts';
import { tokenOf } from '../core/token.ts';
import type { Transport } from '../ports/transport.ts';
import { decodeMessage, encodeRequest, longTailOf } from '../protocol/message-codec.ts';
import type { Reply, Request } from '../protocol/messages.ts';
import { ManualClock } from '../sim/manual-clock.ts';
import { SimDisk } from '../sim/sim-disk.ts';
import { openTestStore } from '../storage/log-store-harness-contract.ts';
import type { LogStore } from '../storage/log-store.ts';
import type { Counters } from './counters.ts';
import { staticEpoch } from './node.ts';
import { RemoteCalls } from './remote-calls.ts';
import type { Replica } from './replica.ts';
import { tickOf } from './request-age.ts';
import { RequestHandler } from './request-handler.ts';
import { nodeClockOn, replicaOn, silentCounters, wallMs } from './replica-harness-contract.ts';

const n2 = 'n2' as NodeId;
const key = new TextEncoder().encode('cart/1');

interface Node {
  readonly store: LogStore;
  readonly handler: RequestHandler;
  readonly counters: Counters;
  readonly replica: Replica;
  /** Sends a request as n2 and waits for the reply. */
  ask(request: Request, epoch?: number, sentMs?: number): Promise<Reply>;
  readonly clock: ManualClock;
}

async function startHandler(disk = new SimDisk()): Promise<Node> {
  const clock = new ManualClock(wallMs);
  const replies: ((reply: Reply) => void)[] = [];
  const transport: Pick<Transport, 'send'> = {
    send(_to, frame, tail) {
      const message = decodeMessage(wholeOf(frame, tail));
      if (message.type === 'reply') replies.shift()?.(message.reply);
      return true;
    },
  };
  const counters = silentCounters();
  const store = await openTestStore(disk);
  const nodeClock = nodeClockOn(clock);
  const shared = { transport: transport as Transport, nodeClock, observer: counters, epoch: staticEpoch };
  const calls = new RemoteCalls({
    ...shared,
    clock,
    incarnation: 1,
    clockReading: () => nodeClock.last,
    peerIncarnation: () => 1,
  });
  const replica = replicaOn(store, {
    clock: nodeClock,
    observer: counters,
    isWitness: () => store.status().evidenceLost !== 'damaged',
  });
  const healing = {
    onPing: (): Reply => ({ kind: 'pong' }),
    answer: (): Promise<Reply> => Promise.resolve({ kind: 'refused', code: 'NOT_SUPPORTED', message: '' }),
  };
  const handler = new RequestHandler({
    ...shared,
    replica,
    calls,
    healing,
    floor: { answer: healing.answer },
    clock,
  });
  const ask = (request: Request, epoch = staticEpoch, sentMs = clock.monotonicNow()): Promise<Reply> =>
    new Promise((resolve) => {
      replies.push(resolve);
      const sentTick = tickOf(sentMs);
      const header = { epoch, incarnation: 1, sequence: 1, sentTick, clock: { wallMs, counter: 0 } };
      handler.onFrame(
        { id: n2, incarnation: 1, life: 1 },
        wholeOf(encodeRequest(header, request), longTailOf(request)),
      );
    });
  return { store, handler, counters, ask, replica, clock };
}

function wholeOf(frame: Uint8Array, tail: Uint8Array | undefined): Uint8Array {
  return tail === undefined ? frame : new Uint8Array(Buffer.concat([frame, tail]));
}

function putOf(record: StoredRecord): Request {
  return { kind: 'put', timeoutMs: 1_000, hintFor: undefined, fresh: false, record };
}

function recordOf(value: string): StoredRecord {
  const dot = { wallMs, counter: 1, actor: 'n2.abcdef' };
  return encodeRecord({ key, dot, value: new TextEncoder().encode(value) }, crc32);
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}

const get: Request = { kind: 'get', timeoutMs: 1_000, want: 'record', key };

test('a record is stored and read back, and its owner is evidence', async () => {
  const { store, ask } = await startHandler();
  assert.deepEqual(await ask(get), { kind: 'nothing', evidence: true });
  assert.deepEqual(await ask(putOf(recordOf('apples'))), { kind: 'stored' });
  const reply = await ask(get);
  assert.ok(reply.kind === 'record' && reply.evidence);
  await store.close();
});

test('a long record is sent from where it lies, and arrives whole', async () => {
  const { store, ask } = await startHandler();
  const long = recordOf('x'.repeat(limits.peerPieceBytes));
  assert.deepEqual(await ask(putOf(long)), { kind: 'stored' });
  const reply = await ask(get);
  assert.ok(reply.kind === 'record');
  assert.equal(Buffer.compare(reply.record.bytes, long.bytes), 0);
  await store.close();
});

test('how a version came is remembered from its first arrival', async () => {
  const { store, ask, replica } = await startHandler();
  const record = recordOf('apples');
  const { token, version } = record;
  const arrivalPath = () =>
    replica.arrivals.find({ token, time: version.dot, checksum: version.checksum })?.path;
  assert.equal(arrivalPath(), undefined);
  await ask({ kind: 'merge', timeoutMs: 1_000, records: [record] });
  assert.equal(arrivalPath(), 'handoff');
  await ask(putOf(record));
  assert.equal(arrivalPath(), 'handoff');
  await store.close();
});

test('a request from another placement epoch is refused, and nothing is stored', async () => {
  const { store, ask } = await startHandler();
  for (const request of [putOf(recordOf('apples')), get]) {
    const reply = await ask(request, staticEpoch + 1);
    assert.ok(reply.kind === 'refused' && reply.code === 'PLACEMENT_MISMATCH');
  }
  assert.equal(await store.get(key, tokenOf(key)), undefined);
  await store.close();
});

test('what only asks is dropped when its asker has given up on the way; what brings a record is carried out', async () => {
  const { store, ask, counters, clock } = await startHandler();
  await ask(get);
  clock.advance(5_000);
  const sentMs = clock.monotonicNow() - 1_200;
  const replies = [ask(get, staticEpoch, sentMs), ask(putOf(recordOf('apples')), staticEpoch, sentMs)];
  const answered = await Promise.race([...replies, turns(1_000)]);
  assert.deepEqual(answered, { kind: 'stored' }, 'there is one reply, that of the put');
  assert.equal(counters.read('requests.expired'), 1);
  assert.ok((await store.get(key, tokenOf(key))) !== undefined);
  await store.close();
});

test('what waited on its way for less than its asker does is answered', async () => {
  const { store, ask, counters, clock } = await startHandler();
  await ask(get);
  clock.advance(5_000);
  assert.equal((await ask(get, staticEpoch, clock.monotonicNow() - 950)).kind, 'nothing');
  assert.equal(counters.read('requests.expired'), 0);
  await store.close();
});

test('a record that was damaged on the way is refused, and nothing is stored', async () => {
  const { store, ask } = await startHandler();
  const bytes = recordOf('apples').bytes.slice();
  bytes.set([0x41], bytes.length - 1);
  const reply = await ask(putOf(decodeRecord(bytes)));
  assert.ok(reply.kind === 'refused' && reply.code === 'RECORD_CORRUPT');
  assert.equal(await store.get(key, tokenOf(key)), undefined);
  await store.close();
});

test('a node whose disk has lost something still answers, but as no evidence', async () => {
  const disk = new SimDisk();
  await disk.makeDirectory('quarantine');
  disk.writeNow('quarantine/evidence-lost', new Uint8Array(0));
  const { store, ask } = await startHandler(disk);
  assert.deepEqual(await ask(get), { kind: 'nothing', evidence: false });
  await ask(putOf(recordOf('apples')));
  const reply = await ask(get);
  assert.ok(reply.kind === 'record' && !reply.evidence);
  await store.close();
});

test('a frame that does not parse is counted and answered by nothing', async () => {
  const { store, handler, counters } = await startHandler();
  handler.onFrame({ id: n2, incarnation: 1, life: 1 }, Uint8Array.of(1, 2, 3));
  assert.equal(counters.read('frames.refused'), 1);
  await store.close();
});

test('a node that is stopping refuses requests, and still answers pings', async () => {
  const { store, handler, ask } = await startHandler();
  handler.stop();
  const reply = await ask(get);
  assert.ok(reply.kind === 'refused' && reply.code === 'STOPPING');
  assert.deepEqual(await ask({ kind: 'ping', logEntries: 7 }), { kind: 'pong' });
  await store.close();
});
