/**
 * What every `Transport` does with the lives of nodes, as a test suite for the real and the simulated one: none is
 * let in that its peer knows to be past, and no frame passes before both ends remember the other.
 */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isNodeId, type NodeId } from '../core/config.ts';
import {
  contractLog,
  patterned,
  RecordingHandler,
  startPair,
  type TransportMember,
  type WithTransports,
} from './transport-contract.ts';

/** Registers the suite under `name`. */
export function testTransportLives(name: string, withTransports: WithTransports): void {
  /** A test on two nodes, of which the first dials in a transport that goes by the order of ids. */
  const pairContract = (
    title: string,
    body: (left: TransportMember, right: TransportMember) => Promise<void>,
  ): void => {
    test(title, () =>
      withTransports([nodeId('n1'), nodeId('n2')], async ([left, right]) => {
        assert.ok(left !== undefined && right !== undefined);
        await body(left, right);
      }),
    );
  };

  describe(`${name}: lives`, () => {
    pairContract('no frame is sent or delivered before both ends remember the other', async (left, right) => {
      const atLeft = new RecordingHandler();
      const atRight = new RecordingHandler();
      const steps: string[] = [];
      for (const [member, handler] of [
        [left, atLeft],
        [right, atRight],
      ] as const) {
        member.admission.keep = async (peer) => {
          steps.push(`${member.id} remembers ${peer}`);
          // Long enough for frames to pass if any were on the way.
          for (let turn = 0; turn < 100; turn++) await Promise.resolve();
          steps.push(`${member.id} has`);
        };
        handler.onEvent = (event) => {
          steps.push(`${member.id} ${event.kind}`);
          if (event.kind === 'connected') member.transport.send(event.peer.id, patterned(9, 1));
        };
      }
      await Promise.all([left.transport.start(atLeft), right.transport.start(atRight)]);
      await Promise.all([atLeft.untilCount('frame', 1), atRight.untilCount('frame', 1)]);
      // Which end goes first is the transport's choice.
      const isOfMemory = (step: string): boolean => step.endsWith('has') || step.includes('remembers');
      assert.deepEqual(steps.map(isOfMemory).slice(0, 5), [true, true, true, true, false], steps.join());
      assert.deepEqual(
        [left.admission.known(right.id), right.admission.known(left.id)],
        [right, left].map(({ incarnation, life, log }) => ({ incarnation, life, log })),
      );
    });

    const log = { ...contractLog, since: 2 };
    for (const [what, claimed] of [
      ['an incarnation that was passed', { incarnation: 4, life: 1 }],
      ['a known incarnation under another life', { incarnation: 5, life: 2 }],
      ['a log that lacks entries', { incarnation: 6, life: 2, log: { ...log, entries: 99 } }],
      ['a log of another disk', { incarnation: 6, life: 2, log: { ...log, generation: 'b' } }],
      ['the log of a disk of before', { incarnation: 6, life: 2, log: { ...log, since: 1 } }],
    ] as const) {
      for (const end of ['dials', 'is dialled'] as const) {
        pairContract(
          `a node that ${end} with ${what} is told which is known, and no frame passes`,
          async (...pair) => {
            const [old, other] = end === 'dials' ? pair : [pair[1], pair[0]];
            const [atOther] = await startPair(other, old);
            await old.restart({ incarnation: 5, life: 1, log });
            await connectAnew(old, atOther, 2);
            await old.restart(claimed);
            await atOther.untilCount('disconnected', 2);
            const atOld = new RecordingHandler();
            const told = Promise.withResolvers<void>();
            old.admission.onRefused = told.resolve;
            await old.transport.start(atOld);
            await told.promise;
            assert.deepEqual(old.admission.refusals, [`${other.id} knows 5.1: ROLLED_BACK`]);
            assert.deepEqual(atOld.events, []);
            assert.equal(old.transport.send(other.id, patterned(3, 1)), false);
            assert.equal(atOther.events.at(-1)?.kind, 'disconnected');
            assert.deepEqual(other.admission.known(old.id), { incarnation: 5, life: 1, log });
            const next = { generation: 'c', since: 7, entries: 3 };
            await old.restart({ incarnation: 7, life: 7, log: next });
            await connectAnew(old, atOther, 3);
          },
        );
      }
    }
  });
}

/** Starts a member's present life and waits until the peer of `atOther` is connected the so-many-th time. */
async function connectAnew(member: TransportMember, atOther: RecordingHandler, count: number): Promise<void> {
  await member.transport.start(new RecordingHandler());
  await atOther.untilCount('connected', count);
  assert.equal(atOther.events.at(-1)?.peer.life, member.life);
}

function nodeId(text: string): NodeId {
  assert.ok(isNodeId(text));
  return text;
}
