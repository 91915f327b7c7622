/** Who may connect to whom: refusals that both operators see, incarnations, one connection per pair. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RecordingHandler } from '../ports/transport-contract.ts';
import { encodeHello, encodePreface, encodeWelcome } from './handshake-codec.ts';
import { helloOf, lengthPrefix, nodeId, RawPeer } from './transport-contract-raw-peer.ts';
import { withTcpMembers, type MemberOptions, type TcpMember } from './transport-contract-members.ts';

const n1 = nodeId('n1');
const n2 = nodeId('n2');

function withPair(body: (dialler: TcpMember, acceptor: TcpMember) => Promise<void>): Promise<void> {
  return withTcpMembers([n1, n2], async ([dialler, acceptor]) => {
    assert.ok(dialler !== undefined && acceptor !== undefined);
    await body(dialler, acceptor);
  });
}

const mismatches: readonly { what: string; options: MemberOptions; code: string; sentence: RegExp }[] = [
  {
    what: 'another cluster',
    options: { clusterName: 'other' },
    code: 'WRONG_CLUSTER',
    sentence: /n2 belongs to cluster "other", n1 to "test"/,
  },
  {
    what: 'another placement epoch',
    options: { epoch: 4 },
    code: 'PLACEMENT_MISMATCH',
    sentence: /n2 places keys by epoch 4 .* n1 by epoch 1 .*must be the same on all/,
  },
  {
    what: 'another placement table',
    options: { fingerprint: 3 },
    code: 'PLACEMENT_MISMATCH',
    sentence: /\(00000003\)/,
  },
];

for (const { what, options, code, sentence } of mismatches) {
  test(`a node of ${what} is refused, both ends log the reason, and only once`, () =>
    withPair(async (dialler, acceptor) => {
      acceptor.options = options;
      const handlers = [new RecordingHandler(), new RecordingHandler()] as const;
      await dialler.transport.start(handlers[0]);
      await acceptor.transport.start(handlers[1]);
      await acceptor.observer.untilCounted('peers.refused', 3);
      await dialler.observer.untilLogged('peer.refused-us', sentence);
      for (const [member, event] of [
        [acceptor, 'peer.refused'],
        [dialler, 'peer.refused-us'],
      ] as const) {
        const messages = member.observer.messages(event);
        assert.equal(messages.length, 1, messages.join('\n'));
        assert.match(messages[0] ?? '', sentence);
        assert.ok(messages[0]?.startsWith(`${code}: `));
      }
      assert.deepEqual([...handlers[0].events, ...handlers[1].events], []);
    }));
}

test('a refused node gets in by itself once the mismatch is mended', () =>
  withPair(async (dialler, acceptor) => {
    acceptor.options = { clusterName: 'other' };
    const handler = new RecordingHandler();
    await dialler.transport.start(handler);
    await acceptor.transport.start(new RecordingHandler());
    await acceptor.observer.untilCounted('peers.refused', 2);
    acceptor.options = {};
    await acceptor.restart();
    await acceptor.transport.start(new RecordingHandler());
    await handler.untilCount('connected', 1);
  }));

test('a node that is unknown, or has our own id, is told so', () =>
  withPair(async (_, node) => {
    await node.transport.start(new RecordingHandler());
    for (const [id, code] of [
      [nodeId('n0'), 'UNKNOWN_NODE'],
      [n2, 'OWN_ID'],
      [nodeId('n3'), 'UNKNOWN_NODE'],
    ] as const) {
      const peer = await RawPeer.connect(node.port);
      await peer.write(encodePreface());
      await peer.write(encodeHello(helloOf(id)));
      assert.equal((await peer.nextMessage()).kind, 'preface');
      const answer = await peer.nextMessage();
      assert.ok(answer.kind === 'refusal');
      assert.equal(answer.refusal.code, code);
      await peer.closed;
    }
    assert.match(node.observer.messages('peer.refused')[0] ?? '', /^UNKNOWN_NODE: n2 knows no node n0/);
  }));

test('strangers that knock again and again under many names fill neither the log nor the memory', () =>
  withPair(async (_, node) => {
    await node.transport.start(new RecordingHandler());
    for (let name = 0; name < 30; name++) {
      await assert.rejects(RawPeer.join(node.port, helloOf(nodeId(`m${name}`))));
    }
    await node.observer.untilCounted('peers.refused', 30);
    assert.ok(
      node.observer.messages('peer.refused').length <= 2,
      node.observer.messages('peer.refused').join('\n'),
    );
  }));

test('a past incarnation is refused and the present connection goes on', () =>
  withPair(async (_, node) => {
    const handler = new RecordingHandler();
    await node.transport.start(handler);
    const present = await RawPeer.join(node.port, helloOf(n1, { incarnation: 5 }));
    await handler.untilCount('connected', 1);
    await assert.rejects(RawPeer.join(node.port, helloOf(n1, { incarnation: 4 })));
    await node.observer.untilLogged(
      'peer.refused',
      /^ID_IN_USE: n1 says incarnation 4 .*, but n2 has met incarnation 5 .* which is connected now/,
    );
    await present.write(lengthPrefix(1));
    await present.write(Uint8Array.of(9));
    await handler.untilCount('frame', 1);
    assert.equal(handler.events.filter((event) => event.kind === 'disconnected').length, 0);
    present.socket.destroy();
    await handler.untilCount('disconnected', 1);
    const late = await RawPeer.connect(node.port);
    await late.write(encodePreface());
    await late.write(encodeHello(helloOf(n1, { incarnation: 4 })));
    assert.equal((await late.nextMessage()).kind, 'preface');
    const answer = await late.nextMessage();
    assert.ok(answer.kind === 'refusal', 'nor after it is gone');
    assert.equal(answer.refusal.code, 'ROLLED_BACK');
    assert.deepEqual(answer.refusal.known, { incarnation: 5, life: 1 });
    await late.closed;
  }));

test('of two processes whose handshakes overlap, the newer incarnation stays', () =>
  withPair(async (_, node) => {
    const handler = new RecordingHandler();
    await node.transport.start(handler);
    const older = await RawPeer.connect(node.port);
    await older.write(encodePreface());
    await older.write(encodeHello(helloOf(n1, { incarnation: 5 })));
    assert.equal((await older.nextMessage()).kind, 'preface');
    assert.equal((await older.nextMessage()).kind, 'hello');
    const newer = await RawPeer.join(node.port, helloOf(n1, { incarnation: 6 }));
    await handler.untilCount('connected', 1);
    await older.write(encodeWelcome());
    older.socket.resume();
    await older.closed;
    assert.deepEqual(
      handler.events.map((event) => [event.kind, event.peer.incarnation]),
      [['connected', 6]],
    );
    newer.socket.destroy();
  }));

test('a new connection of the same or a later incarnation replaces the old one', () =>
  withPair(async (_, node) => {
    const handler = new RecordingHandler();
    await node.transport.start(handler);
    let previous: RawPeer | undefined;
    for (const incarnation of [5, 5, 6]) {
      const peer = await RawPeer.join(node.port, helloOf(n1, { incarnation }));
      previous?.socket.resume();
      await previous?.closed;
      previous = peer;
    }
    await handler.untilCount('connected', 3);
    assert.deepEqual(
      handler.events.map((event) => [event.kind, event.peer.incarnation]),
      [
        ['connected', 5],
        ['disconnected', 5],
        ['connected', 5],
        ['disconnected', 5],
        ['connected', 6],
      ],
    );
    assert.equal(node.transport.isConnected(n1), true);
    previous?.socket.destroy();
  }));
