/** Hostile and broken peers against the real transport: they are refused, and nobody else notices. */

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { test } from 'node:test';
import { limits } from '../core/limits.ts';
import { RecordingHandler } from '../ports/transport-contract.ts';
import { encodeHello, encodePreface, encodeWelcome } from './handshake-codec.ts';
import { helloOf, lengthPrefix, nodeId, RawPeer } from './transport-contract-raw-peer.ts';
import { withTcpMembers, type MemberOptions, type TcpMember } from './transport-contract-members.ts';

const n1 = nodeId('n1');
const n2 = nodeId('n2');
const n3 = nodeId('n3');
const shortTimeoutMs = 40;

/** A node n2 that expects n1, which the test plays, beside n3, which is well. */
function withNode(
  body: (node: TcpMember, handler: RecordingHandler) => Promise<void>,
  options?: MemberOptions,
): Promise<void> {
  return withTcpMembers(
    [n1, n2, n3],
    async ([, node, other]) => {
      assert.ok(node !== undefined && other !== undefined);
      const handler = new RecordingHandler();
      const otherHandler = new RecordingHandler();
      await node.transport.start(handler);
      await other.transport.start(otherHandler);
      await handler.until(() => node.transport.isConnected(n3));
      await otherHandler.until(() => other.transport.isConnected(n2));
      await body(node, handler);
      // Whatever happened: the well-behaved neighbour still gets through, on its first connection.
      assert.equal(other.transport.send(n2, Uint8Array.of(7, 7)), true);
      await handler.until(() => handler.frames(n3).length === 1);
      assert.equal(handler.events.filter((event) => event.peer.id === n3).length, 2);
    },
    options,
  );
}

test('random bytes on the port end in a closed connection and nothing else', async () => {
  await withNode(async (node, handler) => {
    const told = handler.events.length;
    for (let attempt = 0; attempt < 40; attempt++) {
      const peer = await RawPeer.connect(node.port);
      peer.socket.resume();
      const bytes = randomBytes(1 + attempt * 50);
      // Half of them look like the beginning of a peer.
      if (attempt % 2 === 0) bytes.set(encodePreface().subarray(0, Math.min(5, bytes.length)));
      peer.socket.end(bytes);
      await peer.closed;
    }
    assert.equal(handler.events.length, told);
  });
});

test('a malformed preface is answered with the reason and a closed connection', async () => {
  await withNode(async (node) => {
    const peer = await RawPeer.connect(node.port);
    await peer.write(Uint8Array.of(0x00, 0x4d, 0x44, 0x58, 1));
    assert.equal((await peer.nextMessage()).kind, 'preface');
    const message = await peer.nextMessage();
    assert.ok(message.kind === 'refusal');
    assert.equal(message.refusal.code, 'PROTOCOL_INVALID');
    await once(peer.socket, 'end');
    await peer.closed;
  });
});

test('a length prefix of 2 or 4 GiB, of 0, or just above the limit closes the connection with the reason', async () => {
  await withNode(
    async (node, handler) => {
      for (const [length, reason] of [
        [0x7fff_ffff, /a frame of 2147483647 bytes; at most 1000/],
        [0xffff_ffff, /a piece of 2147483647 bytes; at least 1 and at most 131076/],
        [0, /a frame of length 0/],
        [1_001, /a frame of 1001 bytes; at most 1000/],
      ] as const) {
        const peer = await RawPeer.join(node.port, helloOf(n1));
        await peer.write(lengthPrefix(length));
        await peer.closed;
        await node.observer.untilLogged('peer.disconnected', reason);
        const last = handler.events.findLast((event) => event.peer.id === n1);
        assert.ok(last?.kind === 'disconnected');
        assert.match(last.reason, reason);
      }
    },
    { frameBytesMax: 1_000 },
  );
});

test('a peer that connects and says half a handshake is closed at the timeout', async () => {
  await withNode(
    async (node) => {
      const beginnings = [
        encodePreface().subarray(0, 1),
        encodePreface(),
        Buffer.concat([encodePreface(), encodeHello(helloOf(n1)).subarray(0, 9)]),
        Buffer.concat([encodePreface(), encodeHello(helloOf(n1))]),
      ];
      for (const beginning of beginnings) {
        const peer = await RawPeer.connect(node.port);
        peer.socket.resume();
        await peer.write(beginning);
        await peer.closed;
      }
      await node.observer.untilLogged('peer.unreachable', /not complete within 40 ms/);
      assert.equal(node.transport.isConnected(n1), false);
    },
    { handshakeTimeoutMs: shortTimeoutMs },
  );
});

test('handshakes that were begun and left are bounded: the oldest goes, and a peer still gets in', async () => {
  await withNode(
    async (node, handler) => {
      const stalled: RawPeer[] = [];
      for (let count = 0; count <= limits.peerHandshakesMax; count++) {
        const peer = await RawPeer.connect(node.port);
        peer.socket.resume();
        await peer.write(encodePreface());
        stalled.push(peer);
      }
      await stalled[0]?.closed;
      const peer = await RawPeer.join(node.port, helloOf(n1));
      await handler.until(() => node.transport.isConnected(n1));
      for (const { socket } of [...stalled, peer]) socket.destroy();
    },
    // Longer than the test may take: nothing is closed by it.
    { handshakeTimeoutMs: 60_000 },
  );
});

test('one that has been refused and does not hang up is closed at the timeout', async () => {
  await withNode(
    async (node) => {
      const peer = await RawPeer.connect(node.port);
      peer.socket.resume();
      peer.socket.allowHalfOpen = true;
      await peer.write(Buffer.concat([encodePreface(), encodeHello(helloOf(n1, { clusterName: 'x' }))]));
      await once(peer.socket, 'end');
      // It goes on talking, which must be neither believed nor kept.
      await peer.write(Buffer.concat([encodeWelcome(), lengthPrefix(0xffff_ffff), randomBytes(100_000)]));
      peer.socket.on('error', () => {});
      await node.observer.untilCounted('peers.refused', 1);
      const writing = setInterval(() => peer.socket.write('more'), 5);
      await peer.closed;
      clearInterval(writing);
      assert.equal(node.transport.isConnected(n1), false);
    },
    { handshakeTimeoutMs: shortTimeoutMs },
  );
});

test('a slow sender is understood, byte by byte', async () => {
  await withNode(async (node, handler) => {
    const peer = await RawPeer.connect(node.port);
    const frame = Uint8Array.from({ length: 70 }, (_, index) => index);
    const stream = Buffer.concat([
      encodePreface(),
      encodeHello(helloOf(n1)),
      encodeWelcome(),
      lengthPrefix(frame.length),
      frame,
      lengthPrefix(3),
      Uint8Array.of(1, 2, 3),
    ]);
    for (const byte of stream) await peer.write(Uint8Array.of(byte));
    await handler.until(() => handler.frames(n1).length === 2);
    assert.deepEqual(
      handler.frames(n1).map((received) => [...received]),
      [[...frame], [1, 2, 3]],
    );
    peer.socket.destroy();
  });
});

test('handshake and frames cut at any byte are the same frames', async () => {
  await withNode(async (node, handler) => {
    const stream = Buffer.concat([
      encodePreface(),
      encodeHello(helloOf(n1)),
      encodeWelcome(),
      lengthPrefix(5),
      Uint8Array.of(1, 2, 3, 4, 5),
      lengthPrefix(1),
      Uint8Array.of(6),
    ]);
    for (let cut = 1; cut < stream.length; cut++) {
      const peer = await RawPeer.connect(node.port);
      await peer.write(stream.subarray(0, cut));
      await peer.write(stream.subarray(cut));
      await handler.until(() => handler.frames(n1).length === 2 * cut);
      assert.deepEqual(
        handler
          .frames(n1)
          .slice(-2)
          .map((frame) => [...frame]),
        [[1, 2, 3, 4, 5], [6]],
      );
      peer.socket.destroy();
    }
  });
});

test('a peer that never reads makes sending fail at the queue limit, and gets all that was accepted once it reads', async () => {
  const queueBytesMax = 1_000_000;
  await withNode(
    async (node, handler) => {
      const peer = await RawPeer.join(node.port, helloOf(n1));
      await handler.until(() => node.transport.isConnected(n1));
      let accepted = 0;
      let refused = 0;
      // The kernel takes some megabytes on top; after several turns at the limit nothing more may go in.
      for (let attempt = 1; refused < 50; attempt++) {
        if (node.transport.send(n1, new Uint8Array(1_000).fill(accepted % 251))) accepted += 1;
        else refused += 1;
        // Small turns, so that some frames are queued while the socket has more than enough to do.
        if (attempt % 20 === 0) await new Promise((resolve) => setImmediate(resolve));
        assert.ok(accepted < 20_000, 'the queue is bounded');
      }
      assert.equal(node.observer.counters.get('frames.dropped'), 50);
      let received = 0;
      let position = 0;
      peer.socket.on('data', (chunk: Buffer) => {
        for (const byte of chunk) {
          // The first four bytes of 1004 are the length 1000, the others the number of the frame.
          const within = position % 1_004;
          const expected = within < 4 ? [0, 0, 3, 232][within] : Math.floor(position / 1_004) % 251;
          if (byte !== expected) assert.fail(`byte ${position} is ${byte}`);
          position += 1;
        }
        received = position / 1_004;
        if (received === accepted) peer.socket.emit('everything');
      });
      await once(peer.socket, 'everything');
      assert.equal(node.transport.send(n1, new Uint8Array(900_000)), true);
      peer.socket.destroy();
    },
    { queueBytesMax, frameBytesMax: 1_000_000 },
  );
});

test('a peer that resets its connection is reported with the reason', async () => {
  await withNode(async (node, handler) => {
    const peer = await RawPeer.join(node.port, helloOf(n1));
    await handler.until(() => node.transport.isConnected(n1));
    peer.socket.resetAndDestroy();
    await handler.until(() => !node.transport.isConnected(n1));
    await node.observer.untilLogged('peer.disconnected', /ECONNRESET/);
  });
});

test('a frame whose handling throws ends the connection, not the process', async () => {
  await withNode(async (node, handler) => {
    handler.onEvent = (event) => {
      if (event.kind === 'frame' && event.frame[0] === 66) throw new Error('a bug');
    };
    const peer = await RawPeer.join(node.port, helloOf(n1));
    await peer.write(Buffer.concat([lengthPrefix(1), Uint8Array.of(66), lengthPrefix(1), Uint8Array.of(67)]));
    await peer.closed;
    await node.observer.untilLogged('peer.disconnected', /handling its frame failed: a bug/);
    assert.match(
      node.observer.messages('peer.handler-failed').join(),
      /n1: handling its frame failed: a bug/,
    );
    assert.equal(handler.frames(n1).length, 1, 'the frame behind it was not delivered');
  });
});

test('nothing is delivered from a connection that the handler has given up, not even the rest of the chunk', async () => {
  await withNode(async (node, handler) => {
    handler.onEvent = (event) => {
      if (event.kind === 'frame' && event.peer.id === n1) node.transport.disconnect(n1, 'enough');
    };
    const peer = await RawPeer.join(node.port, helloOf(n1));
    await peer.write(Buffer.concat([lengthPrefix(1), Uint8Array.of(1), lengthPrefix(1), Uint8Array.of(2)]));
    await peer.closed;
    assert.deepEqual(
      handler.events.filter((event) => event.peer.id === n1).map((event) => event.kind),
      ['connected', 'frame', 'disconnected'],
    );
  });
});

test('a refusal arrives although the refused one had much more to say', async () => {
  await withNode(async (node) => {
    const peer = await RawPeer.connect(node.port);
    const hello = Buffer.concat([encodePreface(), encodeHello(helloOf(n1, { clusterName: 'other' }))]);
    peer.socket.write(Buffer.concat([hello, randomBytes(400_000)]));
    await node.observer.untilCounted('peers.refused', 1);
    assert.equal((await peer.nextMessage()).kind, 'preface');
    assert.equal((await peer.nextMessage()).kind, 'refusal');
    await peer.closed;
  });
});
