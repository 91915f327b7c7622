/**
 * What every `Transport` does while the network is fine, as a test suite: run against the real one in
 * `platform/` and against the simulated one in `sim/`. Loss, delay and partitions are the simulator's
 * own tests, hostile bytes those of the real one.
 */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { limits } from '../core/limits.ts';
import { equalBytes } from '../core/bytes.ts';
import { isNodeId, type NodeId } from '../core/config.ts';
import type { LogMark, NodeLife } from '../core/node-life.ts';
import type { RecordingAdmission } from './transport-contract-admission.ts';
import type { PeerIdentity, Transport, TransportHandler } from './transport.ts';

/** A life that a member is to begin. */
export interface RestartedLife extends NodeLife {
  /** As before unless told. */
  readonly log?: LogMark;
}

/** What the log of a member is at first. */
export const contractLog: LogMark = { generation: 'k3f9xa', since: 0, entries: 100 };

/** One node of a small cluster. */
export interface TransportMember {
  readonly id: NodeId;
  /** Of the node's present life. */
  readonly incarnation: number;
  readonly life: number;
  readonly log: LogMark;
  readonly transport: Transport;
  /** Which lives of peers it lets in, and what it was told of its own; it outlives the transport. */
  readonly admission: RecordingAdmission;
  /**
   * Begins another life: stops the transport and makes one that is not started yet, with the next
   * incarnation unless told, and with the same log.
   */
  restart(life?: RestartedLife): Promise<void>;
}

/** The longest frame of the suite. */
export const contractFrameBytesMax = 300_000;

/**
 * Runs `body` with one member per id (`n1` …), none of them started, on a network without faults; stops
 * them all afterwards. A simulated one turns its scheduler until the returned promise is settled.
 */
export type WithTransports = (
  ids: readonly NodeId[],
  body: (members: readonly TransportMember[]) => Promise<void>,
) => Promise<void>;

/** What a handler was told, in order. */
type TransportEvent =
  | { readonly kind: 'connected'; readonly peer: PeerIdentity }
  | { readonly kind: 'disconnected'; readonly peer: PeerIdentity; readonly reason: string }
  | { readonly kind: 'frame'; readonly peer: PeerIdentity; readonly frame: Uint8Array };

/** A handler that keeps what it is told, so that a test can wait for it. */
export class RecordingHandler implements TransportHandler {
  readonly events: TransportEvent[] = [];
  /** Called after an event was kept. */
  onEvent: (event: TransportEvent) => void = () => {};
  readonly #waiting: (() => void)[] = [];

  onFrame(from: PeerIdentity, frame: Uint8Array): void {
    this.#keep({ kind: 'frame', peer: from, frame });
  }

  onConnected(peer: PeerIdentity): void {
    this.#keep({ kind: 'connected', peer });
  }

  onDisconnected(peer: PeerIdentity, reason: string): void {
    this.#keep({ kind: 'disconnected', peer, reason });
  }

  /** The frames so far, from one peer or all. */
  frames(from?: NodeId): readonly Uint8Array[] {
    return this.events.flatMap((event) =>
      event.kind === 'frame' && (from === undefined || event.peer.id === from) ? [event.frame] : [],
    );
  }

  /** Resolves as soon as the condition holds; it is looked at after each event. */
  async until(condition: (handler: RecordingHandler) => boolean): Promise<void> {
    while (!condition(this)) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /** Resolves once so many events of a kind were told. */
  async untilCount(kind: TransportEvent['kind'], count: number): Promise<void> {
    await this.until(() => this.events.filter((event) => event.kind === kind).length >= count);
  }

  #keep(event: TransportEvent): void {
    this.events.push(event);
    this.onEvent(event);
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

/** Registers the suite under `name`. */
export function testTransportContract(name: string, withTransports: WithTransports): void {
  /** A test on two nodes, of which the first dials in a transport that goes by the order of ids. */
  const pairContract = (
    title: string,
    body: (left: TransportMember, right: TransportMember) => Promise<void>,
  ): void => {
    test(title, () =>
      withTransports([nodeId('n1'), nodeId('n2')], async (members) => {
        const [left, right] = members;
        assert.ok(left !== undefined && right !== undefined);
        await body(left, right);
      }),
    );
  };

  describe(`${name}: transport`, () => {
    test('every pair of nodes is connected once, and each end knows id and incarnation of the other', () =>
      withTransports(['n1', 'n2', 'n3', 'n4'].map(nodeId), async (members) => {
        const handlers = await startAll(members);
        await Promise.all(handlers.map((handler) => handler.untilCount('connected', 3)));
        for (const [index, handler] of handlers.entries()) {
          const others = members.filter((_, other) => other !== index);
          const seen = handler.events.map(({ kind, peer }) => `${kind} ${peer.id} ${peer.incarnation}`);
          assert.deepEqual(
            seen.toSorted(),
            others.map((other) => `connected ${other.id} ${other.incarnation}`),
          );
          for (const other of others) assert.equal(members[index]?.transport.isConnected(other.id), true);
        }
      }));

    pairContract(
      'frames of any length arrive unchanged, both ways at once, and in order but for long ones',
      async (left, right) => {
        const [fromRight, fromLeft] = await startPair(left, right);
        const lengths = [
          1,
          2,
          3,
          4,
          5,
          100,
          255,
          256,
          16_383,
          16_384,
          16_385,
          65_536,
          limits.peerPieceBytes,
          limits.peerPieceBytes + 1,
          contractFrameBytesMax,
          7,
        ];
        const frames = lengths.map((length, index) => patterned(length, index));
        for (const frame of frames) {
          assert.equal(left.transport.send(right.id, frame), true);
          assert.equal(right.transport.send(left.id, frame), true);
        }
        for (const handler of [fromRight, fromLeft]) {
          await handler.untilCount('frame', frames.length);
          for (const isLong of [false, true]) {
            const these = (frame: Uint8Array): boolean => frame.length > limits.peerPieceBytes === isLong;
            assertSameFrames(handler.frames().filter(these), frames.filter(these));
          }
        }
      },
    );

    pairContract('a frame whose end lies elsewhere arrives as one', async (left, right) => {
      const [, fromLeft] = await startPair(left, right);
      const { peerCopiedFrameBytesMax, peerPieceBytes } = limits;
      const heads = [1, 40, peerCopiedFrameBytesMax + 1, peerPieceBytes + 7];
      const tails = [1, 40, peerCopiedFrameBytesMax + 1, peerPieceBytes - 40, peerPieceBytes + 9];
      for (const head of heads) {
        for (const tail of tails) {
          const frame = patterned(head + tail, head);
          const known = fromLeft.frames().length;
          assert.equal(left.transport.send(right.id, frame.subarray(0, head), frame.slice(head)), true);
          await fromLeft.untilCount('frame', known + 1);
          assertSameFrames(fromLeft.frames().slice(known), [frame]);
        }
      }
    });

    pairContract('a thousand short frames in one turn arrive in order', async (left, right) => {
      const [, fromLeft] = await startPair(left, right);
      const frames = Array.from({ length: 1_000 }, (_, index) => patterned(1 + (index % 90), index));
      for (const frame of frames) assert.equal(left.transport.send(right.id, frame), true);
      await fromLeft.untilCount('frame', frames.length);
      assertSameFrames(fromLeft.frames(), frames);
    });

    pairContract('a frame may be sent from within any call of the handler', async (left, right) => {
      const ping = patterned(40, 1);
      const pong = patterned(50, 2);
      const atLeft = new RecordingHandler();
      const atRight = new RecordingHandler();
      atLeft.onEvent = (event) => {
        if (event.kind === 'connected') assert.equal(left.transport.send(right.id, ping), true);
      };
      atRight.onEvent = (event) => {
        if (event.kind === 'frame') assert.equal(right.transport.send(left.id, pong), true);
      };
      await Promise.all([left.transport.start(atLeft), right.transport.start(atRight)]);
      await atLeft.untilCount('frame', 1);
      assertSameFrames(atRight.frames(), [ping]);
      assertSameFrames(atLeft.frames(), [pong]);
    });

    pairContract('a received frame is the own copy of whoever got it', async (left, right) => {
      const [, fromLeft] = await startPair(left, right);
      for (const length of [30, 70_000]) {
        const sent = patterned(length, 3);
        left.transport.send(right.id, sent);
        const known = fromLeft.frames().length;
        await fromLeft.untilCount('frame', known + 1);
        fromLeft.frames().at(-1)?.fill(0xff);
        assert.deepEqual(sent, patterned(length, 3));
      }
      const kept = patterned(60, 4);
      left.transport.send(right.id, kept);
      await fromLeft.untilCount('frame', 3);
      // Later traffic must not be written over what the handler kept.
      for (let round = 0; round < 50; round++) left.transport.send(right.id, patterned(4_000, round));
      await fromLeft.untilCount('frame', 53);
      assertSameFrames(fromLeft.frames().slice(2, 3), [kept]);
    });

    pairContract(
      'a frame for a node that is not connected, unknown, or oneself is dropped',
      async (left, right) => {
        const frame = patterned(10, 1);
        assert.equal(left.transport.send(right.id, frame), false, 'before the start');
        const [fromRight, fromLeft] = await startPair(left, right);
        assert.equal(left.transport.send(nodeId('n9'), frame), false);
        assert.equal(left.transport.send(left.id, frame), false);
        assert.equal(left.transport.isConnected(nodeId('n9')), false);
        assert.equal(left.transport.isConnected(left.id), false);
        left.transport.send(right.id, frame);
        await fromLeft.untilCount('frame', 1);
        assert.deepEqual([fromLeft.frames().length, fromRight.frames().length], [1, 0]);
      },
    );

    test('a frame is delivered with the sender it came from', () =>
      withTransports(['n1', 'n2', 'n3'].map(nodeId), async (members) => {
        const handlers = await startAll(members);
        await Promise.all(handlers.map((handler) => handler.untilCount('connected', 2)));
        for (const [index, member] of members.entries()) {
          for (const other of members) {
            if (other !== member) assert.equal(member.transport.send(other.id, patterned(20, index)), true);
          }
        }
        for (const [index, handler] of handlers.entries()) {
          await handler.untilCount('frame', 2);
          for (const [other, member] of members.entries()) {
            assertSameFrames(handler.frames(member.id), other === index ? [] : [patterned(20, other)]);
          }
        }
      }));

    pairContract(
      'when one end stops, the other is told why, and the stopped one hears nothing more',
      async (left, right) => {
        const [fromRight, fromLeft] = await startPair(left, right);
        const told = fromLeft.events.length;
        await Promise.all([right.transport.stop(), right.transport.stop()]);
        await fromRight.untilCount('disconnected', 1);
        const last = fromRight.events.at(-1);
        assert.ok(last?.kind === 'disconnected' && last.reason.length > 0);
        assert.deepEqual(last.peer, { id: right.id, incarnation: right.incarnation, life: right.life });
        for (const [one, other] of [
          [left, right],
          [right, left],
        ] as const) {
          assert.equal(one.transport.isConnected(other.id), false);
          assert.equal(one.transport.send(other.id, patterned(10, 1)), false);
        }
        assert.equal(fromLeft.events.length, told);
      },
    );

    pairContract('a dialled node that restarts is connected again under its new incarnation', (left, right) =>
      assertReconnected(left, right),
    );

    pairContract(
      'a dialling node that restarts is connected again under its new incarnation',
      (left, right) => assertReconnected(right, left),
    );
  });
}

async function assertReconnected(staying: TransportMember, restarting: TransportMember): Promise<void> {
  const [atStaying] = await startPair(staying, restarting);
  const pastIncarnation = restarting.incarnation;
  await restarting.restart();
  assert.ok(restarting.incarnation > pastIncarnation);
  const atRestarted = new RecordingHandler();
  await restarting.transport.start(atRestarted);
  await Promise.all([atStaying.untilCount('connected', 2), atRestarted.untilCount('connected', 1)]);
  assert.deepEqual(
    atStaying.events.map((event) => [event.kind, event.peer.id, event.peer.incarnation]),
    [
      ['connected', restarting.id, pastIncarnation],
      ['disconnected', restarting.id, pastIncarnation],
      ['connected', restarting.id, restarting.incarnation],
    ],
  );
  assert.equal(restarting.transport.send(staying.id, patterned(10, 1)), true);
  await atStaying.untilCount('frame', 1);
  assert.equal(atStaying.events.at(-1)?.peer.incarnation, restarting.incarnation);
}

async function startAll(members: readonly TransportMember[]): Promise<readonly RecordingHandler[]> {
  const handlers = members.map(() => new RecordingHandler());
  await Promise.all(
    members.map((member, index) => member.transport.start(handlers[index] ?? new RecordingHandler())),
  );
  return handlers;
}

/** Starts both and waits until they are connected; returns what each was told. */
export async function startPair(
  left: TransportMember,
  right: TransportMember,
): Promise<readonly [RecordingHandler, RecordingHandler]> {
  const atLeft = new RecordingHandler();
  const atRight = new RecordingHandler();
  await Promise.all([left.transport.start(atLeft), right.transport.start(atRight)]);
  await Promise.all([atLeft.untilCount('connected', 1), atRight.untilCount('connected', 1)]);
  return [atLeft, atRight];
}

/** Bytes that differ from place to place and from seed to seed. */
export function patterned(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let index = 0; index < length; index++) bytes[index] = (index * 31 + seed * 7 + (index >>> 8)) & 0xff;
  return bytes;
}

function assertSameFrames(actual: readonly Uint8Array[], expected: readonly Uint8Array[]): void {
  assert.deepEqual(
    actual.map((frame) => frame.length),
    expected.map((frame) => frame.length),
  );
  for (const [index, frame] of expected.entries()) {
    const other = actual[index];
    assert.ok(other !== undefined && equalBytes(other, frame), `frame ${index} arrived changed`);
  }
}

function nodeId(text: string): NodeId {
  assert.ok(isNodeId(text));
  return text;
}
