/** Who may be a peer where peers speak by TLS, and who may not: wrong certificates, none, and bytes that are no TLS. */

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { createServer as createTlsServer, TLSSocket } from 'node:tls';
import type { NodeId } from '../core/config.ts';
import { limits } from '../core/limits.ts';
import { silentObserver, type Observer } from '../ports/observer.ts';
import { RecordingHandler } from '../ports/transport-contract.ts';
import { encodeHello, encodePreface, encodeWelcome } from './handshake-codec.ts';
import { PeerCredentials } from './peer-credentials.ts';
import type { PeerTls } from './peer-tls.ts';
import { SystemClock } from './system-clock.ts';
import { SystemRandom } from './system-random.ts';
import { TcpTransport } from './tcp-transport.ts';
import {
  RecordingObserver,
  withTcpMembers,
  type MemberOptions,
  type TcpMember,
} from './transport-contract-members.ts';
import { helloOf, nodeId, RawPeer } from './transport-contract-raw-peer.ts';
import { contextOf, credentialsOf, filesOf, tlsOf, withTlsMembers } from './transport-contract-tls.ts';

const [n1, n2, n3] = [nodeId('n1'), nodeId('n2'), nodeId('n3')];
const shortTimeoutMs = 60;

/** A clock that can be set forward. */
class HurriedClock extends SystemClock {
  aheadMs = 0;

  override monotonicNow(): number {
    return super.monotonicNow() + this.aheadMs;
  }
}

/** A node n2 that expects n1, which the test plays, beside n3, which is well. */
function withNode(
  body: (node: TcpMember, handler: RecordingHandler) => Promise<void>,
  options?: MemberOptions,
): Promise<void> {
  return withTlsMembers(
    [n1, n2, n3],
    async ([, node, other]) => {
      assert.ok(node !== undefined && other !== undefined);
      const handler = new RecordingHandler();
      const otherHandler = new RecordingHandler();
      await node.transport.start(handler);
      await other.transport.start(otherHandler);
      await handler.until(() => node.transport.isConnected(n3));
      await otherHandler.until(() => other.transport.isConnected(n2));
      assert.equal(node.transport.isEncrypted(n3), true);
      await body(node, handler);
      assert.equal(node.transport.isConnected(n1), false);
      // Whatever happened: the well-behaved neighbour still gets through, on its first connection.
      assert.equal(other.transport.send(n2, Uint8Array.of(7, 7)), true);
      await handler.until(() => handler.frames(n3).length === 1);
      assert.equal(handler.events.filter((event) => event.peer.id === n3).length, 2);
    },
    options,
  );
}

/** What a peer is told that says hello and then all that would follow if it were believed. */
async function refusalOf(peer: RawPeer): Promise<string> {
  const hello = encodeHello(helloOf(n1));
  await peer.write(Buffer.concat([encodePreface(), hello, encodeWelcome(), Uint8Array.of(0, 0, 0, 1, 9)]));
  assert.equal((await peer.nextMessage()).kind, 'preface');
  const message = await peer.nextMessage();
  assert.ok(message.kind === 'refusal', 'it was let in');
  peer.socket.resume().end();
  await peer.closed;
  return `${message.refusal.code} ${message.refusal.message}`;
}

describe('a peer is refused, and told why,', () => {
  const wrongOnes: readonly (readonly [what: string, certificate: string, reason: RegExp])[] = [
    [
      'whose certificate is by another authority',
      'n1-other-ca',
      /n2 refuses the certificate of n1: .* authority/,
    ],
    ['whose certificate has expired', 'n1-expired', /certificate of n1: it has expired/],
    [
      'whose certificate is that of another node',
      'n3',
      /that n1 shows n2 names DNS:n3: it must have DNS:n1$/,
    ],
    [
      'whose certificate names all nodes by a wildcard',
      'n1-wildcard',
      /names DNS:\*, DNS:\*\.nodes\.example: it must have DNS:n1$/,
    ],
    ['whose certificate is for servers only', 'n1-server-only', /extendedKeyUsage must be/],
  ];
  for (const [what, certificate, reason] of wrongOnes) {
    test(what, () =>
      withNode(async (node) => {
        const refusal = await refusalOf(await RawPeer.overTls(node.port, contextOf(certificate)));
        assert.match(refusal, /^CERTIFICATE_REFUSED /);
        assert.match(refusal, reason);
        await node.observer.untilLogged('peer.refused', reason);
        assert.equal(node.observer.counters.get('peers.refused'), 1);
      }),
    );
  }

  test('that shows no certificate', () =>
    withNode(async (node) => {
      const refusal = await refusalOf(await RawPeer.overTls(node.port, {}));
      assert.equal(refusal, 'CERTIFICATE_REFUSED n1 shows n2 no certificate');
      await node.observer.untilLogged('peer.refused', /n1 shows n2 no certificate/);
    }));

  test('that comes without TLS', () =>
    withNode(async (node) => {
      const refusal = await refusalOf(await RawPeer.connect(node.port));
      assert.match(refusal, /^TLS_REQUIRED n2 speaks with peers by TLS only, and n1 came without/);
      await node.observer.untilLogged('peer.refused', /TLS_REQUIRED/);
      assert.equal(node.observer.counters.get('peers.refused'), 1);
    }));
});

test('a stranger learns nothing of the cluster before its certificate was found good', () =>
  withNode(async (node) => {
    const peer = await RawPeer.overTls(node.port, {});
    await peer.write(Buffer.concat([encodePreface(), encodeHello(helloOf(n1, { clusterName: 'guess' }))]));
    await peer.nextMessage();
    const message = await peer.nextMessage();
    assert.ok(message.kind === 'refusal');
    assert.equal(message.refusal.code, 'CERTIFICATE_REFUSED');
    peer.socket.destroy();
  }));

test('nothing older than TLS 1.3 is spoken', () =>
  withNode(async (node) => {
    const older = { ...contextOf('n1'), minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' } as const;
    await assert.rejects(RawPeer.overTls(node.port, older), /protocol version/i);
    await node.observer.untilLogged('peer.tls-failed', /^TLS: unsupported protocol$/);
    assert.equal(node.observer.counters.get('peers.tls-failed'), 1);
  }));

test('no session is offered to be resumed: a certificate is shown for each connection', () =>
  withNode(async (node) => {
    const peer = await RawPeer.overTls(node.port, contextOf('n1'));
    const sessions: Buffer[] = [];
    peer.socket.on('session', (session: Buffer) => sessions.push(session));
    await peer.write(Buffer.concat([encodePreface(), encodeHello(helloOf(n1, { clusterName: 'other' }))]));
    await peer.nextMessage();
    assert.equal((await peer.nextMessage()).kind, 'refusal');
    peer.socket.destroy();
    for (const session of sessions) {
      const again = await RawPeer.overTls(node.port, { session });
      assert.ok(again.socket instanceof TLSSocket);
      assert.equal(again.socket.isSessionReused(), false);
      assert.match(await refusalOf(again), /CERTIFICATE_REFUSED/);
    }
  }));

test('a certificate that was renewed is shown from the next connection on, and open ones stay', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'peer-tls-'));
  const files = { ca: filesOf('n2').ca, cert: join(folder, 'n2.crt'), key: join(folder, 'n2.key') };
  const install = async (name: string): Promise<void> => {
    await copyFile(filesOf(name).cert, files.cert);
    await copyFile(filesOf(name).key, files.key);
  };
  await install('n2');
  const clock = new HurriedClock();
  const credentials = new PeerCredentials({ files, names: ['n2'], clock, observer: silentObserver });
  const renewing = tlsOf(n2, { credentials });
  const others = new Map([n1, n3].map((id) => [id, tlsOf(id)]));
  const shownBy = async (node: TcpMember): Promise<string | undefined> => {
    const { socket } = await RawPeer.overTls(node.port, contextOf('n1'));
    assert.ok(socket instanceof TLSSocket);
    const shown = socket.getPeerX509Certificate()?.fingerprint256;
    socket.destroy();
    return shown;
  };
  await withNode(
    async (node) => {
      const before = await shownBy(node);
      await install('n2-by-middle');
      assert.equal(await shownBy(node), before, 'the files are not looked at yet');
      clock.aheadMs = limits.peerCertificateCheckMs;
      const after = await shownBy(node);
      assert.ok(before !== undefined && after !== undefined);
      assert.notEqual(after, before);
    },
    { tlsOf: (id) => others.get(id) ?? renewing },
  );
  await rm(folder, { recursive: true });
});

describe('of what is no TLS handshake', () => {
  /** The record header and the first bytes of a ClientHello. */
  const beginning = Buffer.of(0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3);

  test('garbage is closed and counted', () =>
    withNode(
      async (node) => {
        const peers: RawPeer[] = [];
        for (let attempt = 1; attempt <= 30; attempt++) {
          const peer = await RawPeer.connect(node.port);
          peers.push(peer);
          peer.socket.resume();
          // What claims to be longer than it is keeps its connection until the timeout.
          peer.socket.end(
            Buffer.concat([beginning.subarray(0, 1 + (attempt % 11)), randomBytes(attempt * 40)]),
          );
        }
        await Promise.all(peers.map((peer) => peer.closed));
        await node.observer.untilCounted('peers.tls-failed', 30);
      },
      { handshakeTimeoutMs: shortTimeoutMs },
    ));

  test('garbage behind a good handshake is closed too', () =>
    withNode(async (node) => {
      const peer = await RawPeer.overTls(node.port, contextOf('n1'));
      peer.socket.resume();
      await peer.write(Buffer.alloc(2_000, 0x77));
      peer.socket.end();
      await peer.closed;
      await node.observer.untilLogged('peer.refused', /PROTOCOL_INVALID/);
    }));

  test('half a handshake is closed at the timeout, also when it trickles in', () =>
    withNode(
      async (node) => {
        const stalled = await RawPeer.connect(node.port);
        stalled.socket.resume();
        await stalled.write(beginning);
        const trickling = await RawPeer.connect(node.port);
        trickling.socket.resume();
        await trickling.write(beginning);
        const timer = setInterval(() => trickling.socket.write(Buffer.of(7)), 5);
        await Promise.all([stalled.closed, trickling.closed]);
        clearInterval(timer);
        await node.observer.untilLogged('peer.tls-failed', /not complete within 60 ms/);
      },
      { handshakeTimeoutMs: shortTimeoutMs },
    ));

  test('a peer that says nothing after a good TLS handshake is closed at the timeout', () =>
    withNode(
      async (node) => {
        const peer = await RawPeer.overTls(node.port, contextOf('n1'));
        peer.socket.resume();
        await peer.closed;
        await node.observer.untilLogged('peer.unreachable', /not complete within 60 ms/);
      },
      { handshakeTimeoutMs: shortTimeoutMs },
    ));

  test('those that were begun and left are bounded: the oldest goes, and a peer still gets in', () =>
    withNode(
      async (node, handler) => {
        const stalled: RawPeer[] = [];
        for (let count = 0; count <= limits.peerHandshakesMax; count++) {
          const peer = await RawPeer.connect(node.port);
          peer.socket.resume();
          await peer.write(beginning);
          stalled.push(peer);
        }
        await stalled[0]?.closed;
        const peer = await RawPeer.overTls(node.port, contextOf('n1'));
        await peer.write(Buffer.concat([encodePreface(), encodeHello(helloOf(n1))]));
        assert.equal((await peer.nextMessage()).kind, 'preface');
        assert.equal((await peer.nextMessage()).kind, 'hello');
        await peer.write(encodeWelcome());
        await handler.until(() => node.transport.isConnected(n1));
        for (const { socket } of [...stalled, peer]) socket.destroy();
        await handler.until(() => !node.transport.isConnected(n1));
      },
      // Longer than the test may take: nothing is closed by it.
      { handshakeTimeoutMs: 60_000 },
    ));
});

function optionalOf(): (id: NodeId) => PeerTls | undefined {
  const made = new Map([n1, n2].map((id) => [id, tlsOf(id, { mode: 'optional' })]));
  return (id) => made.get(id);
}

/** n1, which dials n2, each with TLS or without. */
function withPair(
  tls: { readonly of1?: PeerTls; readonly of2?: PeerTls },
  body: (left: TcpMember, right: TcpMember, connected: () => Promise<unknown>) => Promise<void>,
): Promise<void> {
  return withTcpMembers(
    [n1, n2],
    async ([left, right]) => {
      assert.ok(left !== undefined && right !== undefined);
      const handlers = [new RecordingHandler(), new RecordingHandler()] as const;
      await right.transport.start(handlers[1]);
      await left.transport.start(handlers[0]);
      await body(left, right, () =>
        Promise.all(handlers.map((handler) => handler.untilCount('connected', 1))),
      );
    },
    { tlsOf: (id: NodeId) => (id === n1 ? tls.of1 : tls.of2) },
  );
}

/** n1 alone, which dials n2 at that port. */
function diallerOf(port: number, observer: Observer): TcpTransport {
  return new TcpTransport({
    ...helloOf(n1),
    self: helloOf(n1),
    peers: [{ id: n2, host: '127.0.0.1', port }],
    tls: tlsOf(n1),
    frameBytesMax: 1_000,
    clock: new SystemClock(),
    random: new SystemRandom(),
    observer,
  });
}

describe('whoever dials', () => {
  test(
    'says nothing to an end with a certificate of another authority or of the past',
    { timeout: 20_000 },
    async () => {
      for (const [certificate, reason] of [
        ['n1-other-ca', /certificate of the other end is refused: .*authority/],
        ['n1-expired', /certificate of the other end is refused: it has expired/],
      ] as const) {
        let heard = 0;
        const server = createTlsServer(contextOf(certificate), (socket) => {
          socket.on('data', (chunk: Buffer) => (heard += chunk.length)).on('error', () => {});
        });
        server.on('tlsClientError', () => {}).listen(0, '127.0.0.1');
        await once(server, 'listening');
        const { port } = server.address() as AddressInfo;
        const observer = new RecordingObserver();
        const transport = diallerOf(port, observer);
        await transport.start(new RecordingHandler());
        await observer.untilLogged('peer.unreachable', reason);
        await transport.stop();
        await new Promise((resolve) => server.close(resolve));
        assert.equal(heard, 0);
      }
    },
  );

  test('never tries without TLS where it is required', { timeout: 20_000 }, async () => {
    const firstBytes: (number | undefined)[] = [];
    const heard = new EventEmitter();
    const plain = createServer((socket) => {
      socket
        .on('error', () => {})
        .once('data', (chunk: Buffer) => {
          firstBytes.push(chunk[0]);
          heard.emit('connection');
          socket.end('HTTP/1.1 400 Bad Request\r\n\r\n');
        });
    });
    await once(plain.listen(0, '127.0.0.1'), 'listening');
    const transport = diallerOf((plain.address() as AddressInfo).port, new RecordingObserver());
    await transport.start(new RecordingHandler());
    while (firstBytes.length < 3) await once(heard, 'connection');
    await transport.stop();
    plain.close();
    assert.deepEqual(firstBytes, [0x16, 0x16, 0x16]);
  });

  test('says of a node without TLS that it has none', () =>
    withPair({ of1: tlsOf(n1) }, async (left) => {
      await left.observer.untilLogged('peer.unreachable', /does not speak TLS: give it peerTls too/);
    }));

  test('without TLS is told that it must have it', () =>
    withPair({ of2: tlsOf(n2) }, async (left, right) => {
      await left.observer.untilLogged('peer.refused-us', /TLS_REQUIRED: n2 speaks with peers by TLS only/);
      await right.observer.untilLogged('peer.refused', /TLS_REQUIRED/);
    }));

  test('does not take another node with a good certificate for the one that it wanted', () =>
    withPair(
      { of1: tlsOf(n1), of2: tlsOf(n2, { credentials: credentialsOf('n3') }) },
      async (left, right) => {
        await left.observer.untilLogged('peer.refused', /that n2 shows n1 names DNS:n3: it must have DNS:n2/);
        await right.observer.untilLogged('peer.refused-us', /CERTIFICATE_REFUSED/);
        assert.equal(left.transport.isConnected(n2), false);
      },
    ));
});

describe('where TLS is optional', () => {
  const optional = { mode: 'optional' } as const;

  for (const [what, tls, isEncrypted] of [
    ['nodes that both have it use it', { of1: tlsOf(n1, optional), of2: tlsOf(n2, optional) }, true],
    ['a node without it is dialled plainly', { of1: tlsOf(n1, optional) }, false],
    ['a node without it may dial', { of2: tlsOf(n2, optional) }, false],
    ['one that requires it is dialled by it', { of1: tlsOf(n1, optional), of2: tlsOf(n2) }, true],
  ] as const) {
    test(what, () =>
      withPair(tls, async (left, right, connected) => {
        await connected();
        assert.equal(left.transport.isEncrypted(n2), isEncrypted);
        assert.equal(right.transport.isEncrypted(n1), isEncrypted);
      }),
    );
  }

  test('a node that is not up yet is not taken for one without it', () =>
    withTlsMembers(
      [n1, n2],
      async ([left, right]) => {
        assert.ok(left !== undefined && right !== undefined);
        const handler = new RecordingHandler();
        await left.transport.start(handler);
        await left.observer.untilLogged('peer.unreachable', /./);
        await right.transport.start(new RecordingHandler());
        await handler.untilCount('connected', 1);
        assert.equal(left.transport.isEncrypted(n2), true);
      },
      { tlsOf: optionalOf() },
    ));

  test('a certificate that is shown must be good all the same', () =>
    withPair({ of2: tlsOf(n2, optional) }, async (_left, right) => {
      const refusal = await refusalOf(await RawPeer.overTls(right.port, contextOf('n3')));
      assert.match(refusal, /^CERTIFICATE_REFUSED /);
    }));
});
