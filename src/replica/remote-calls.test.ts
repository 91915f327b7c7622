import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NodeId } from '../core/config.ts';
import { crc32 } from '../core/crc32.ts';
import { limits } from '../core/limits.ts';
import { encodeRecord } from '../core/record.ts';
import type { Transport } from '../ports/transport.ts';
import { decodeMessage } from '../protocol/message-codec.ts';
import type { MessageHeader } from '../protocol/messages.ts';
import { ManualClock } from '../sim/manual-clock.ts';
import { RemoteCalls, type CallResult } from './remote-calls.ts';

const n2 = 'n2' as NodeId;
const n3 = 'n3' as NodeId;
const zero = { wallMs: 0, counter: 0 };

/** Calls of incarnation 7 to peers of incarnation 1; what is sent lands in `sent`. */
function calls(suspicion?: ConstructorParameters<typeof RemoteCalls>[0]['suspicion']): {
  clock: ManualClock;
  remote: RemoteCalls;
  sent: [NodeId, MessageHeader][];
  tails: (Uint8Array | undefined)[];
} {
  const clock = new ManualClock();
  const sent: [NodeId, MessageHeader][] = [];
  const tails: (Uint8Array | undefined)[] = [];
  const transport: Pick<Transport, 'send'> = {
    send(to, frame, tail) {
      tails.push(tail);
      const whole = tail === undefined ? frame : new Uint8Array(Buffer.concat([frame, tail]));
      sent.push([to, decodeMessage(whole).header]);
      return to !== n3;
    },
  };
  const remote = new RemoteCalls({
    transport: transport as Transport,
    clock,
    epoch: 1,
    incarnation: 7,
    clockReading: () => zero,
    peerIncarnation: () => 1,
    ...(suspicion === undefined ? {} : { suspicion }),
  });
  return { clock, remote, sent, tails };
}

function headerSent(sent: readonly [NodeId, MessageHeader][]): MessageHeader {
  const header = sent.at(-1)?.[1];
  assert.ok(header !== undefined);
  return header;
}

test('a reply of the incarnation that was asked ends the call and its timer', () => {
  const { clock, remote, sent } = calls();
  const results: CallResult[] = [];
  remote.ask([n2], { kind: 'ping', logEntries: 7 }, 100, (_, result) => results.push(result));
  const header = headerSent(sent);
  remote.onReply({ id: n2, incarnation: 1, life: 1 }, header, { kind: 'pong' });
  remote.onReply({ id: n2, incarnation: 1, life: 1 }, header, { kind: 'pong' });
  assert.deepEqual(results, [{ kind: 'pong' }]);
  assert.equal(clock.timers, 0);
});

test('a long record goes to each peer from where it lies', () => {
  const { remote, tails } = calls();
  const fields = { key: Uint8Array.of(1), dot: { wallMs: 1, counter: 0, actor: 'n1.abc123' } };
  const long = encodeRecord({ ...fields, value: new Uint8Array(limits.peerPieceBytes) }, crc32);
  const short = encodeRecord(fields, crc32);
  for (const record of [long, short]) {
    const put = { kind: 'put', timeoutMs: 100, hintFor: undefined, fresh: true, record } as const;
    remote.ask([n2, n3], put, 100, () => undefined);
  }
  assert.deepEqual(
    tails.map((tail) => tail === long.bytes),
    [true, true, false, false],
  );
  assert.deepEqual(tails.slice(2), [undefined, undefined]);
});

test('replies to a past life, from a past life, or from a node not asked match nothing', () => {
  const { remote, sent } = calls();
  const results: CallResult[] = [];
  remote.ask([n2], { kind: 'ping', logEntries: 7 }, 100, (_, result) => results.push(result));
  const header = headerSent(sent);
  remote.onReply({ id: n2, incarnation: 1, life: 1 }, { ...header, incarnation: 6 }, { kind: 'pong' });
  remote.onReply({ id: n2, incarnation: 2, life: 1 }, header, { kind: 'pong' });
  remote.onReply({ id: n3, incarnation: 1, life: 1 }, header, { kind: 'pong' });
  assert.deepEqual(results, []);
});

test('a peer that stays silent ends as a timeout, one that is not reached as unreachable', () => {
  const { clock, remote } = calls();
  const results = new Map<NodeId, string>();
  remote.ask([n2, n3], { kind: 'ping', logEntries: 7 }, 100, (peer, result) =>
    results.set(peer, result.kind),
  );
  assert.deepEqual([...results], [[n3, 'unreachable']]);
  clock.advance(100);
  assert.equal(results.get(n2), 'timeout');
});

test('the end of a connection ends what that peer was asked, at once', () => {
  const { clock, remote } = calls();
  const results: CallResult[] = [];
  remote.ask([n2], { kind: 'ping', logEntries: 7 }, 100, (_, result) => results.push(result));
  remote.onDisconnected({ id: n2, incarnation: 1, life: 1 });
  assert.deepEqual(results, [{ kind: 'unreachable' }]);
  assert.equal(clock.timers, 0);
});

test('a peer that never answers holds no more than its limit of requests', () => {
  const { remote, sent } = calls();
  let unreachable = 0;
  for (let index = 0; index < limits.peerRequestsInFlightMax + 10; index++) {
    remote.ask([n2], { kind: 'ping', logEntries: 7 }, 1_000, (_, result) => {
      if (result.kind === 'unreachable') unreachable++;
    });
  }
  assert.equal(unreachable, 10);
  assert.equal(sent.length, limits.peerRequestsInFlightMax);
});

test('a reply that comes after the timeout reaches an asker that still cares, once', () => {
  const { clock, remote, sent } = calls();
  const results: string[] = [];
  const late: string[] = [];
  remote.ask(
    [n2],
    { kind: 'ping', logEntries: 7 },
    100,
    (_, result) => results.push(result.kind),
    (peer, reply) => late.push(`${peer} ${reply.kind}`),
  );
  clock.advance(150);
  const header = headerSent(sent);
  remote.onReply({ id: n2, incarnation: 2, life: 1 }, header, { kind: 'pong' });
  remote.onReply({ id: n2, incarnation: 1, life: 1 }, header, { kind: 'pong' });
  remote.onReply({ id: n2, incarnation: 1, life: 1 }, header, { kind: 'pong' });
  assert.deepEqual(results, ['timeout']);
  assert.deepEqual(late, ['n2 pong']);
  assert.equal(clock.timers, 0);
});

test('a late reply is waited for as long again and no longer, and for a bounded number of calls', () => {
  const { clock, remote, sent } = calls();
  const late: number[] = [];
  for (let index = 0; index <= limits.lateRepliesMax; index++) {
    const ignore = (): void => undefined;
    remote.ask([n2], { kind: 'ping', logEntries: 7 }, 100, ignore, () => late.push(index));
  }
  clock.advance(100);
  const headers = sent.map(([, header]) => header);
  const reply = (index: number): void => {
    const header = headers[index];
    if (header !== undefined) remote.onReply({ id: n2, incarnation: 1, life: 1 }, header, { kind: 'pong' });
  };
  reply(0);
  reply(limits.lateRepliesMax);
  clock.advance(100);
  reply(1);
  assert.deepEqual(late, [limits.lateRepliesMax]);
  assert.equal(clock.timers, 0);
});

test('the failure detector hears of quick answers, of timeouts, and of timers that fire late', () => {
  const told: string[] = [];
  const { clock, remote, sent } = calls({
    answered: (peer, { sentAtMs, nowMs }) => told.push(`${peer} answered in ${nowMs - sentAtMs}`),
    timedOut: (peer, { sentAtMs, nowMs }) => told.push(`${peer} silent for ${nowMs - sentAtMs}`),
    timerFired: ({ dueAtMs, nowMs }) => told.push(`timer ${nowMs - dueAtMs} late`) === 0,
  });
  remote.ask([n2], { kind: 'ping', logEntries: 7 }, 100, () => undefined);
  clock.advance(3);
  remote.onReply({ id: n2, incarnation: 1, life: 1 }, headerSent(sent), { kind: 'pong' });
  remote.ask([n2], { kind: 'ping', logEntries: 7 }, 100, () => undefined);
  clock.advance(200);
  assert.deepEqual(told, ['n2 answered in 3', 'timer 0 late', 'n2 silent for 100']);
});
