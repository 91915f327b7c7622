/** Dialling, losing, finding again and stopping of the real transport; what a dead or paused peer costs. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { test } from 'node:test';
import { limits } from '../core/limits.ts';
import type { CancelTimer } from '../ports/clock.ts';
import { silentObserver } from '../ports/observer.ts';
import { RecordingHandler } from '../ports/transport-contract.ts';
import { SharedPort } from './port-sharing.ts';
import { nodeId } from './transport-contract-raw-peer.ts';
import { SystemClock } from './system-clock.ts';
import { SystemRandom } from './system-random.ts';
import { RecordingObserver, withTcpMembers, type TcpMember } from './transport-contract-members.ts';
import { withTlsMembers } from './transport-contract-tls.ts';
import { TcpTransport, type TcpTransportOptions } from './tcp-transport.ts';

const n1 = nodeId('n1');
const n2 = nodeId('n2');

function transportOf(
  changes: Partial<TcpTransportOptions> & Pick<TcpTransportOptions, 'self' | 'peers'>,
): TcpTransport {
  return new TcpTransport({
    clusterName: 'test',
    epoch: 1,
    fingerprint: 1,
    frameBytesMax: 2_000_000,
    clock: new SystemClock(),
    random: new SystemRandom(),
    observer: silentObserver,
    ...changes,
  });
}

/** Two connected members. */
function withConnectedPair(
  body: (
    left: TcpMember,
    right: TcpMember,
    atLeft: RecordingHandler,
    atRight: RecordingHandler,
  ) => Promise<void>,
  withMembers = withTcpMembers,
): Promise<void> {
  return withMembers([n1, n2], async ([left, right]) => {
    assert.ok(left !== undefined && right !== undefined);
    const atLeft = new RecordingHandler();
    const atRight = new RecordingHandler();
    await right.transport.start(atRight);
    await left.transport.start(atLeft);
    await Promise.all([atLeft.untilCount('connected', 1), atRight.untilCount('connected', 1)]);
    await body(left, right, atLeft, atRight);
  });
}

for (const [over, withMembers, longFrames] of [
  ['TCP', withTcpMembers, 80],
  ['TLS', withTlsMembers, 10],
] as const) {
  test(`what is queued when a node stops still arrives by ${over}, also behind more than the kernel takes at once`, () =>
    withConnectedPair(async (left, _right, _atLeft, atRight) => {
      const lengths = [...Array<number>(longFrames).fill(200_000), 1, 50, 20_000, 3];
      const frames = lengths.map((length, index) => new Uint8Array(length).fill(index));
      for (const [index, frame] of frames.entries()) {
        if (index === longFrames) await new Promise((resolve) => setImmediate(resolve));
        assert.equal(left.transport.send(n2, frame), true);
      }
      await left.transport.stop();
      await atRight.untilCount('disconnected', 1);
      const arrived = atRight.frames();
      const isLong = ({ length }: Uint8Array): boolean => length > limits.peerPieceBytes;
      for (const these of [isLong, (frame: Uint8Array) => !isLong(frame)]) {
        assert.deepEqual(
          arrived.filter(these).map((frame) => [frame.length, frame[0]]),
          frames.filter(these).map((frame) => [frame.length, frame[0]]),
        );
      }
    }, withMembers));
}

test('what is sent later passes a long frame', () =>
  withConnectedPair(async (left, _right, _atLeft, atRight) => {
    const long = new Uint8Array(2 * limits.peerPieceBytes + 1).fill(9);
    assert.equal(left.transport.send(n2, long), true);
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(left.transport.send(n2, Uint8Array.of(1)), true);
    await atRight.untilCount('frame', 2);
    assert.deepEqual(
      atRight.frames().map(({ length }) => length),
      [1, long.length],
    );
    assert.deepEqual(atRight.frames()[1], long);
  }));

test('a frame that is empty or too long is not sent, and harms nothing', () =>
  withConnectedPair(async (left, _right, _atLeft, atRight) => {
    assert.equal(left.transport.send(n2, new Uint8Array(0)), false);
    assert.equal(left.transport.send(n2, new Uint8Array(300_001)), false);
    assert.equal(left.transport.send(n2, Uint8Array.of(1)), true);
    await atRight.untilCount('frame', 1);
    assert.equal(atRight.events.length, 2);
  }));

test('a connection that is given up is made again by whoever dials', () =>
  withConnectedPair(async (left, right, atLeft, atRight) => {
    for (const [member, other, round] of [
      [left, n2, 1],
      [right, n1, 2],
    ] as const) {
      member.transport.disconnect(other, 'no heartbeat');
      assert.equal(member.transport.isConnected(other), false);
      await Promise.all([
        atLeft.untilCount('connected', round + 1),
        atRight.untilCount('connected', round + 1),
      ]);
    }
    const reasons = atLeft.events.flatMap((event) => (event.kind === 'disconnected' ? [event.reason] : []));
    assert.equal(reasons[0], 'no heartbeat');
  }));

test('a connection over which nothing comes is made again without anybody asking', () =>
  withConnectedPair(
    async (_left, _right, atLeft, atRight) => {
      await Promise.all([atLeft.untilCount('connected', 2), atRight.untilCount('connected', 2)]);
      const reasons = [atLeft, atRight].flatMap(({ events }) =>
        events.flatMap((event) => (event.kind === 'disconnected' ? [event.reason] : [])),
      );
      // Whichever end looks first.
      assert.ok(reasons.includes('nothing came for 200 ms, no heartbeat either'), reasons.join());
    },
    (ids, body) => withTcpMembers(ids, body, { silentMsMax: 200 }),
  ));

/** A clock whose short timers fire soon, which remembers what they were asked for, and can be set forward. */
class ImpatientClock extends SystemClock {
  readonly delaysMs: number[] = [];
  aheadMs = 0;

  override monotonicNow(): number {
    return super.monotonicNow() + this.aheadMs;
  }

  override startTimer(delayMs: number, callback: () => void): CancelTimer {
    if (delayMs > limits.reconnectDelayMsMax) return super.startTimer(delayMs, callback);
    this.delaysMs.push(delayMs);
    return super.startTimer(2, callback);
  }
}

test('an address where nobody listens is tried again ever more rarely, and logged once', async () => {
  const observer = new RecordingObserver();
  const clock = new ImpatientClock();
  const transport = transportOf({
    self: { id: n1, incarnation: 1, life: 1, log: { generation: 'k3f9xa', since: 0, entries: 0 } },
    peers: [{ id: n2, host: '127.0.0.1', port: await unusedPort() }],
    observer,
    clock,
  });
  await transport.start(new RecordingHandler());
  await observer.untilLogged('peer.unreachable', /ECONNREFUSED 127\.0\.0\.1/);
  while (clock.delaysMs.length < 8) await new Promise((resolve) => setImmediate(resolve));
  await transport.stop();
  assert.equal(observer.messages('peer.unreachable').length, 1);
  for (const [failures, ceilingMs] of [50, 100, 200, 400, 800, 1_600, 2_000, 2_000].entries()) {
    const delayMs = clock.delaysMs[failures] ?? 0;
    assert.ok(delayMs >= ceilingMs / 2 && delayMs <= ceilingMs, `pause ${failures} was ${delayMs} ms`);
  }
});

test('after a connection that held for a while the pauses start from the shortest again', () =>
  withTcpMembers([n1, n2], async ([left, right]) => {
    assert.ok(left !== undefined && right !== undefined);
    const clock = new ImpatientClock();
    left.options = { clock };
    const handler = new RecordingHandler();
    await left.transport.start(handler);
    // Nobody answers yet, so that some attempts fail.
    while (clock.delaysMs.length < 4) await new Promise((resolve) => setImmediate(resolve));
    await right.transport.start(new RecordingHandler());
    await handler.untilCount('connected', 1);
    const pauseAfterLoss = async (): Promise<number> => {
      const known = clock.delaysMs.length;
      const connections = handler.events.filter((event) => event.kind === 'connected').length;
      left.transport.disconnect(n2, 'test');
      await handler.untilCount('connected', connections + 1);
      return clock.delaysMs[known] ?? 0;
    };
    assert.ok((await pauseAfterLoss()) >= 200, 'a connection that broke at once is another failure');
    clock.aheadMs += limits.connectionStableAfterMs;
    assert.ok((await pauseAfterLoss()) <= 50);
  }));

test('a peer that accepts connections and stays silent costs one socket at a time', async () => {
  let open = 0;
  let openMost = 0;
  let accepted = 0;
  const silent = createServer((socket: Socket) => {
    accepted += 1;
    open += 1;
    openMost = Math.max(openMost, open);
    socket.resume();
    socket.on('error', () => {}).on('close', () => (open -= 1));
  });
  await once(silent.listen(0, '127.0.0.1'), 'listening');
  const transport = transportOf({
    self: { id: n1, incarnation: 1, life: 1, log: { generation: 'k3f9xa', since: 0, entries: 0 } },
    peers: [{ id: n2, host: '127.0.0.1', port: portOf(silent.address()) }],
    handshakeTimeoutMs: 20,
  });
  await transport.start(new RecordingHandler());
  while (accepted < 4) await once(silent, 'connection');
  await transport.stop();
  silent.close();
  assert.equal(openMost, 1);
});

test(
  'a paused peer costs one socket, however much is sent to it',
  { skip: process.platform !== 'linux' },
  async () => {
    const child = spawnNode(
      `
    const port = new SharedPort({ host: '127.0.0.1', port: 0, protocols: transport.protocols, clock, observer });
    process.send(await port.listen());`,
      { id: 'n2', peers: [{ id: 'n1', host: '127.0.0.1', port: 1 }] },
    );
    try {
      const port = Number(String(await once(child, 'message')).split(',')[0]);
      const transport = transportOf({
        self: { id: n1, incarnation: 1, life: 1, log: { generation: 'k3f9xa', since: 0, entries: 0 } },
        peers: [{ id: n2, host: '127.0.0.1', port }],
        queueBytesMax: 8_000_000,
      });
      const handler = new RecordingHandler();
      await transport.start(handler);
      try {
        await handler.untilCount('connected', 1);
        child.kill('SIGSTOP');
        let refused = 0;
        while (refused < 2_000) {
          if (transport.send(n2, new Uint8Array(10_000))) continue;
          refused += 1;
          if (refused % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
        }
        assert.equal(await socketsTo(port), 1);
        assert.equal(transport.isConnected(n2), true, 'a pause alone is for the heartbeats above to judge');
      } finally {
        await transport.stop();
      }
    } finally {
      child.kill('SIGKILL');
    }
  },
);

test('after stopping nothing keeps the process alive, whatever its connections were at', async () => {
  const silent = createServer((socket) => socket.on('error', () => {}).resume());
  await once(silent.listen(0, '127.0.0.1'), 'listening');
  const child = spawnNode(
    `
    const port = new SharedPort({ host: '127.0.0.1', port: 0, protocols: transport.protocols, clock, observer });
    const other = new TcpTransport({ ...options, self: { id: 'n0', incarnation: 1, life: 1, log: { generation: 'k3f9xa', since: 0, entries: 0 } },
      peers: [{ id: 'n1', host: '127.0.0.1', port: await port.listen() }] });
    const connected = Promise.withResolvers();
    await other.start({ onFrame() {}, onConnected: connected.resolve, onDisconnected() {} });
    await connected.promise;
    await Promise.all([transport.stop(), other.stop()]);
    port.close();
    process.disconnect();`,
    {
      id: 'n1',
      peers: [
        { id: 'n0', host: '127.0.0.1', port: 1 },
        { id: 'n8', host: '127.0.0.1', port: await unusedPort() },
        { id: 'n9', host: '127.0.0.1', port: portOf(silent.address()) },
      ],
    },
  );
  await once(silent, 'connection');
  const [code] = await once(child, 'exit');
  silent.close();
  assert.equal(code, 0);
});

const hasIpv6 = Object.values(networkInterfaces()).some((addresses) =>
  addresses?.some((address) => address.address === '::1'),
);
test('nodes find each other by IPv6 addresses', { skip: !hasIpv6 && 'this machine has no ::1' }, async () => {
  const acceptor = transportOf({
    self: { id: n2, incarnation: 1, life: 1, log: { generation: 'k3f9xa', since: 0, entries: 0 } },
    peers: [{ id: n1, host: '::1', port: 1 }],
  });
  const port = new SharedPort({
    host: '::1',
    port: 0,
    protocols: acceptor.protocols,
    clock: new SystemClock(),
    observer: silentObserver,
  });
  const peers = [{ id: n2, host: '::1', port: await port.listen() }];
  const dialler = transportOf({
    self: { id: n1, incarnation: 1, life: 1, log: { generation: 'k3f9xa', since: 0, entries: 0 } },
    peers,
  });
  const handlers = [new RecordingHandler(), new RecordingHandler()] as const;
  await acceptor.start(handlers[0]);
  await dialler.start(handlers[1]);
  await Promise.all(handlers.map((handler) => handler.untilCount('connected', 1)));
  await Promise.all([dialler.stop(), acceptor.stop()]);
  port.close();
});

/** A process with one started transport, called `transport`, that runs `script` then. */
function spawnNode(
  script: string,
  options: { id: string; peers: readonly object[] },
): ReturnType<typeof spawn> {
  const url = (file: string): string => JSON.stringify(new URL(file, import.meta.url).href);
  const program = `
    import { TcpTransport } from ${url('./tcp-transport.ts')};
    import { SharedPort } from ${url('./port-sharing.ts')};
    import { SystemClock } from ${url('./system-clock.ts')};
    import { SystemRandom } from ${url('./system-random.ts')};
    const clock = new SystemClock();
    const observer = { log() {}, count() {} };
    const options = { clusterName: 'test', epoch: 1, fingerprint: 1, frameBytesMax: 2_000_000, handshakeTimeoutMs: 3_600_000,
      clock, random: new SystemRandom(), observer, self: { id: ${JSON.stringify(options.id)}, incarnation: 1, life: 1, log: { generation: 'k3f9xa', since: 0, entries: 0 } },
      peers: ${JSON.stringify(options.peers)} };
    const transport = new TcpTransport(options);
    await transport.start({ onFrame() {}, onConnected() {}, onDisconnected() {} });
    ${script}`;
  return spawn(process.execPath, ['--input-type=module-typescript', '--eval', program], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
}

/**
 * Sockets of this machine whose far end is that port, whatever their state, as long as a process has them: what a test
 * before this one left in TIME_WAIT, at a port that was given out again, belongs to nobody.
 */
async function socketsTo(port: number): Promise<number> {
  const remote = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const table = await readFile('/proc/net/tcp', 'utf8');
  return table.split('\n').filter((line) => {
    const fields = line.trim().split(/\s+/);
    return fields[2] === remote && fields[9] !== '0';
  }).length;
}

/** A port that was free a moment ago. */
async function unusedPort(): Promise<number> {
  const server = createServer();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const port = portOf(server.address());
  server.close();
  await once(server, 'close');
  return port;
}

function portOf(address: AddressInfo | string | null): number {
  assert.ok(address !== null && typeof address === 'object');
  return address.port;
}
