import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { isNodeId, type NodeId } from '../core/config.ts';
import { Handshake, type HandshakeOutcome, type Remembering } from './handshake.ts';
import { encodeHello, encodePreface, encodeRefusal, encodeWelcome, type Hello } from './handshake-codec.ts';
import type { HandshakeContext } from './handshake-rules.ts';

const n1 = nodeId('n1');
const n2 = nodeId('n2');

function nodeId(text: string): NodeId {
  assert.ok(isNodeId(text));
  return text;
}

function hello(id: NodeId, changes: Partial<Hello> = {}): Hello {
  const life = {
    incarnation: 5,
    life: 50,
    log: { generation: 'k3f9xa', since: 2, entries: 0x1234_5678_9abc },
  };
  return { id, clusterName: 'test', ...life, epoch: 1, fingerprint: 0xabcdef01, ...changes };
}

function context(own: Hello, changes: Partial<HandshakeContext> = {}): HandshakeContext {
  return {
    own,
    dialled: own.id === n1 ? n2 : undefined,
    isMember: (id) => id === n1 || id === n2,
    judgeChannel: () => undefined,
    judgeLife: () => undefined,
    remember: () => undefined,
    ...changes,
  };
}

/** One end of a handshake on a wire that delivers `pieceBytes` at a time. */
class End {
  readonly handshake: Handshake;
  readonly sent: number[] = [];
  outcome: HandshakeOutcome | undefined;
  remembering: Remembering | undefined;

  constructor(ownContext: HandshakeContext) {
    this.handshake = new Handshake(ownContext, (bytes) => void this.sent.push(...bytes));
    this.handshake.start();
  }

  receive(bytes: readonly number[]): void {
    if (this.outcome === undefined) this.#proceed(this.handshake.push(Uint8Array.from(bytes)));
  }

  /** What it was to remember is kept. */
  remembered(): void {
    assert.ok(this.remembering !== undefined, 'it remembers nothing');
    this.remembering = undefined;
    this.#proceed(this.handshake.remembered());
  }

  #proceed(result: ReturnType<Handshake['push']>): void {
    if (result?.kind === 'remembering') this.remembering = result;
    else this.outcome = result;
  }
}

/** Lets both ends talk until neither has more to say. */
function talk(
  dialler: HandshakeContext,
  acceptor: HandshakeContext,
  pieceBytes = 1_000,
): readonly [End, End] {
  const ends = [new End(dialler), new End(acceptor)] as const;
  while (ends[0].sent.length > 0 || ends[1].sent.length > 0) {
    ends[1].receive(ends[0].sent.splice(0, pieceBytes));
    ends[0].receive(ends[1].sent.splice(0, pieceBytes));
  }
  return ends;
}

function assertRefused(
  ends: readonly [End, End],
  by: 'dialler' | 'acceptor',
  code: string,
  message: RegExp,
): void {
  const [refuser, refused] = by === 'dialler' ? ends : [ends[1], ends[0]];
  assert.ok(refuser.outcome?.kind === 'refused', `the ${by} ends with ${refuser.outcome?.kind}`);
  assert.equal(refuser.outcome.refusal.code, code);
  assert.match(refuser.outcome.refusal.message, message);
  assert.ok(refused.outcome?.kind === 'refused-by-peer', `the other with ${refused.outcome?.kind}`);
  assert.deepEqual(refused.outcome.refusal, refuser.outcome.refusal, 'both ends know the same reason');
}

describe('two nodes that belong together', () => {
  test('open the connection with the identity of the other, in pieces of any size', () => {
    for (let pieceBytes = 1; pieceBytes < 60; pieceBytes++) {
      const [dialler, acceptor] = talk(
        context(hello(n1, { incarnation: 0xffff_ffff, life: 0xffff_fffe })),
        context(hello(n2, { incarnation: 7 })),
        pieceBytes,
      );
      assert.ok(
        dialler.outcome?.kind === 'open' && acceptor.outcome?.kind === 'open',
        `pieces of ${pieceBytes}`,
      );
      const log = { generation: 'k3f9xa', since: 2, entries: 0x1234_5678_9abc };
      assert.deepEqual(dialler.outcome.peer, { id: n2, incarnation: 7, life: 50, log });
      assert.deepEqual(acceptor.outcome.peer, {
        id: n1,
        incarnation: 0xffff_ffff,
        life: 0xffff_fffe,
        log,
      });
    }
  });

  test('what arrives behind the handshake belongs to the first frame', () => {
    const dialler = new End(context(hello(n1)));
    dialler.receive([...encodePreface(), ...encodeHello(hello(n2)), 1, 2, 3]);
    assert.ok(dialler.outcome?.kind === 'open');
    assert.deepEqual([...dialler.outcome.rest], [1, 2, 3]);
    const acceptor = new End(context(hello(n2)));
    acceptor.receive([...encodePreface(), ...encodeHello(hello(n1)), ...encodeWelcome(), 4, 5]);
    assert.ok(acceptor.outcome?.kind === 'open');
    assert.deepEqual([...acceptor.outcome.rest], [4, 5]);
  });

  test('the end that was dialled says nothing before it is spoken to', () => {
    assert.deepEqual(new End(context(hello(n2))).sent, []);
  });

  test('a longest id and cluster name fit', () => {
    const longId = nodeId('x'.repeat(64));
    const clusterName = 'ü'.repeat(127);
    const [dialler, acceptor] = talk(
      context(hello(n1, { clusterName }), { dialled: longId, isMember: () => true }),
      context(hello(longId, { clusterName }), { dialled: undefined, isMember: () => true }),
    );
    assert.equal(dialler.outcome?.kind, 'open');
    assert.equal(acceptor.outcome?.kind, 'open');
    assert.throws(() => encodeHello(hello(n1, { clusterName: 'ü'.repeat(128) })), /at most 255/);
  });

  test('each end remembers the other before it goes on, and the connection opens only then', () => {
    const kept: string[] = [];
    const remember = (peer: { readonly id: NodeId; readonly incarnation: number; readonly life: number }) => {
      kept.push(`${peer.id} ${peer.incarnation} ${peer.life}`);
      return Promise.resolve();
    };
    const dialler = new End(context(hello(n1), { remember }));
    const acceptor = new End(context(hello(n2), { remember }));
    acceptor.receive(dialler.sent.splice(0));
    assert.deepEqual(kept, ['n1 5 50']);
    assert.deepEqual(acceptor.sent, [], 'the dialler is not told anything before');
    acceptor.remembered();
    dialler.receive([...acceptor.sent.splice(0), 1, 2, 3]);
    assert.deepEqual(kept, ['n1 5 50', 'n2 5 50']);
    assert.deepEqual([dialler.outcome, dialler.sent], [undefined, []]);
    dialler.remembered();
    acceptor.receive(dialler.sent);
    assert.ok(dialler.outcome?.kind === 'open' && acceptor.outcome?.kind === 'open');
    assert.deepEqual([...dialler.outcome.rest], [1, 2, 3]);
  });

  test('a life that was overtaken while it was remembered is refused after all', () => {
    let newest = 5;
    const acceptor = new End(
      context(hello(n2), {
        remember: () => Promise.resolve(),
        judgeLife: (peer) =>
          peer.incarnation < newest
            ? { code: 'ROLLED_BACK', known: { incarnation: newest, life: 1 } }
            : undefined,
      }),
    );
    acceptor.receive([...encodePreface(), ...encodeHello(hello(n1))]);
    newest = 6;
    acceptor.remembered();
    assert.ok(acceptor.outcome?.kind === 'refused');
    assert.equal(acceptor.outcome.refusal.code, 'ROLLED_BACK');
  });
});

describe('a node that does not belong here is refused, and both ends say why', () => {
  test('another cluster', () => {
    const ends = talk(context(hello(n1)), context(hello(n2, { clusterName: 'other' })));
    assertRefused(ends, 'acceptor', 'WRONG_CLUSTER', /n2 belongs to cluster "other", n1 to "test"/);
  });

  test('another placement table, by its epoch or its fingerprint', () => {
    const byEpoch = talk(context(hello(n1)), context(hello(n2, { epoch: 2 })));
    assertRefused(
      byEpoch,
      'acceptor',
      'PLACEMENT_MISMATCH',
      /n2 places keys by epoch 2 \(abcdef01\), n1 by epoch 1/,
    );
    const byFingerprint = talk(context(hello(n1)), context(hello(n2, { fingerprint: 2 })));
    assertRefused(byFingerprint, 'acceptor', 'PLACEMENT_MISMATCH', /\(00000002\).*\(abcdef01\)/);
  });

  test('the own id', () => {
    const ends = talk(context(hello(n2), { dialled: n2 }), context(hello(n2)));
    assertRefused(ends, 'acceptor', 'OWN_ID', /both ends are called n2/);
  });

  test('an id that is not in the list of nodes', () => {
    const ends = talk(context(hello(nodeId('n0')), { dialled: n2 }), context(hello(n2)));
    assertRefused(ends, 'acceptor', 'UNKNOWN_NODE', /n2 knows no node n0/);
  });

  test('another node than the one that was dialled', () => {
    const ends = talk(
      context(hello(n1), { isMember: () => true }),
      context(hello(nodeId('n3')), { dialled: undefined }),
    );
    assertRefused(ends, 'dialler', 'WRONG_NODE', /the address of n2 is answered by n3/);
  });

  test('a connection from the end that should have been dialled', () => {
    const ends = talk(context(hello(n2), { dialled: n1 }), context(hello(n1), { dialled: undefined }));
    assertRefused(ends, 'acceptor', 'WRONG_DIRECTION', /n1 dials n2/);
  });

  test('a life that its peer knows better, at either end, and is told which one it knows', () => {
    for (const code of ['ROLLED_BACK', 'ID_IN_USE'] as const) {
      const known = { incarnation: 6, life: 0xfedcba98 };
      const knowing = { judgeLife: () => ({ code, known }) };
      const lives = /says incarnation 5 \(life 00000032\), but n. has met incarnation 6 \(life fedcba98\)/;
      const byAcceptor = talk(context(hello(n1)), context(hello(n2), knowing));
      assertRefused(byAcceptor, 'acceptor', code, lives);
      const byDialler = talk(context(hello(n1), knowing), context(hello(n2)), 1);
      assertRefused(byDialler, 'dialler', code, lives);
      for (const told of [byAcceptor[0].outcome, byDialler[1].outcome]) {
        assert.ok(told?.kind === 'refused-by-peer');
        assert.deepEqual(told.refusal.known, known);
      }
    }
  });

  test('whoever was greeted and then refuses is named in the outcome', () => {
    const knowing = {
      judgeLife: () => ({ code: 'ROLLED_BACK', known: { incarnation: 6, life: 1 } }) as const,
    };
    const [, acceptor] = talk(context(hello(n1), knowing), context(hello(n2)));
    assert.ok(acceptor.outcome?.kind === 'refused-by-peer');
    assert.equal(acceptor.outcome.peer?.id, n1);
  });

  test('another version of the protocol', () => {
    const acceptor = new End(context(hello(n2)));
    acceptor.receive([...encodePreface(9), 1, 2, 3]);
    assert.ok(acceptor.outcome?.kind === 'refused');
    assert.equal(acceptor.outcome.refusal.code, 'VERSION_UNSUPPORTED');
    assert.match(acceptor.outcome.refusal.message, /version 3 of the protocol, the other end version 9/);
    const dialler = new End(context(hello(n1)));
    dialler.receive(acceptor.sent);
    assert.deepEqual(dialler.outcome, {
      kind: 'refused-by-peer',
      refusal: acceptor.outcome.refusal,
      peer: undefined,
    });
  });
});

describe('bytes that are no handshake', () => {
  const refusalOf = (own: HandshakeContext, bytes: readonly number[]): string => {
    const end = new End(own);
    end.receive(bytes);
    return end.outcome?.kind === 'refused'
      ? `${end.outcome.refusal.code} ${end.outcome.refusal.message}`
      : '';
  };
  const acceptor = context(hello(n2));

  test('are refused at the first byte that does not fit', () => {
    const preface = [...encodePreface()];
    for (let index = 0; index < 4; index++) {
      const spoilt = preface.slice(0, index + 1);
      spoilt[index] = 0x77;
      assert.match(refusalOf(acceptor, spoilt), /PROTOCOL_INVALID .*another program/);
    }
    assert.match(
      refusalOf(context(hello(n1)), [...new TextEncoder().encode('HTTP/1.1 400')]),
      /another program/,
    );
  });

  test('are refused by their claimed length, before it arrives', () => {
    assert.match(refusalOf(acceptor, [...encodePreface(), 1, 0xff, 0xff]), /claims 65535 bytes/);
  });

  test('are refused when lengths do not add up, the id is none, or the order is wrong', () => {
    const good = [...encodeHello(hello(n1))];
    const withByte = (index: number, value: number): number[] => [
      ...encodePreface(),
      ...good.map((byte, at) => (at === index ? value : byte)),
    ];
    assert.match(refusalOf(acceptor, withByte(3 + 26, 0)), /do not add up/);
    assert.match(refusalOf(acceptor, withByte(3 + 26, 200)), /do not add up/);
    assert.match(refusalOf(acceptor, withByte(3 + 29, 99)), /do not add up/);
    assert.match(refusalOf(acceptor, withByte(3 + 27, 0x2f)), /the node id in a hello is none/);
    assert.match(refusalOf(acceptor, withByte(3 + 34, 99)), /do not add up/);
    assert.match(refusalOf(acceptor, withByte(good.length - 1, 0x2f)), /the generation in a hello is none/);
    assert.match(refusalOf(acceptor, withByte(0, 7)), /unknown kind 7/);
    assert.match(refusalOf(acceptor, [...encodePreface(), 1, 0, 0]), /do not add up/);
    assert.match(refusalOf(acceptor, [...encodePreface(), 4, 0, 2, 1, 1]), /a known life of another length/);
    assert.match(refusalOf(acceptor, [...encodePreface(), ...encodeWelcome()]), /welcome out of turn/);
    assert.match(refusalOf(acceptor, [...encodePreface(), ...good, ...good]), /second hello/);
    assert.match(
      refusalOf(context(hello(n1)), [...encodePreface(), ...encodeWelcome()]),
      /welcome out of turn/,
    );
  });

  test('cannot forge a log line by what a refusal says', () => {
    const end = new End(context(hello(n1)));
    const forged = 'a\nERROR forged\u001b[2J' + 'x'.repeat(400);
    const sneaky = [...encodeRefusal({ code: 'WRONG_CLUSTER', message: 'y'.repeat(forged.length) })];
    sneaky.splice(4, forged.length, ...new TextEncoder().encode(forged));
    end.receive([...encodePreface(), ...sneaky]);
    assert.ok(end.outcome?.kind === 'refused-by-peer');
    assert.match(end.outcome.refusal.message, /^a\?ERROR forged\?\[2Jx+$/);
  });

  test('never end in an exception, whatever they are', () => {
    fc.assert(
      fc.property(
        fc.boolean(),
        fc.uint8Array({ maxLength: 700 }),
        fc.boolean(),
        (dials, bytes, withPreface) => {
          const end = new End(dials ? context(hello(n1)) : acceptor);
          end.receive([...(withPreface ? encodePreface() : []), ...bytes]);
          assert.notEqual(end.outcome?.kind, 'open');
        },
      ),
      { numRuns: 500 },
    );
  });
});
