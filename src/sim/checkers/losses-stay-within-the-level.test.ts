import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { NodeId } from '../../core/config.ts';
import type { WriteOutcome } from '../../replica/node-api.ts';
import type { WriteOperation } from '../history.ts';
import type { PowerLoss } from '../power-loss.ts';
import { lossesStayWithinTheLevel, mayBeLostToPower } from './losses-stay-within-the-level.ts';

const [n1, n2] = ['n1' as NodeId, 'n2' as NodeId];

function put(startMicros: number, micros: number, required: number): WriteOperation {
  const dot = { wallMs: 5, counter: 0, actor: 'n1.aaaaaa' };
  const outcome: WriteOutcome = { kind: 'stored', dot, acknowledged: required, required };
  return {
    id: 1,
    kind: 'put',
    key: 'k',
    node: n1,
    startMicros,
    valueBytes: 30,
    context: undefined,
    end: { micros, outcome },
  };
}

function loss(node: NodeId, durableToMicros: number, atMicros: number): PowerLoss {
  return { node, atMicros, durableToMicros, servingSinceMicros: 0 };
}

describe('losses-stay-within-the-level', () => {
  test('a write may be gone only when as many nodes as acknowledged it lost power before they had it durable', () => {
    const write = put(1_000, 2_000, 2);
    const struck = loss(n1, 1_500, 3_000);
    assert.equal(mayBeLostToPower(write, [struck, loss(n2, 500, 9_000)]), true);
    assert.equal(mayBeLostToPower(write, [struck]), false, 'the other holder keeps it');
    assert.equal(mayBeLostToPower(write, [struck, loss(n1, 500, 4_000)]), false, 'twice the same node');
    assert.equal(mayBeLostToPower(write, [struck, loss(n2, 2_500, 3_000)]), false, 'it was synced');
    assert.equal(mayBeLostToPower(write, [struck, loss(n2, 500, 900)]), false, 'it came later');
    assert.equal(mayBeLostToPower(write, [struck], new Set([n2])), true, 'the other holder is frail');
    assert.equal(mayBeLostToPower(write, [struck], new Set([n1])), false, 'frail and struck is one node');
  });

  test('a cut that took more than the interval is found, and time without a process is no part of it', () => {
    const durability = { mode: 'interval', intervalMs: 100 } as const;
    const broken = (powerLoss: PowerLoss): number =>
      lossesStayWithinTheLevel({ durability, powerLosses: [powerLoss], slackMicros: 10_000 }).length;
    assert.equal(broken(loss(n1, 1_000_000, 1_110_000)), 0);
    assert.equal(broken(loss(n1, 1_000_000, 1_111_000)), 1);
    assert.equal(broken({ ...loss(n1, 1_000_000, 9_000_000), servingSinceMicros: undefined }), 0);
    assert.equal(broken({ ...loss(n1, 1_000_000, 9_000_000), servingSinceMicros: 8_950_000 }), 0);
  });

  test('never sets no bound', () => {
    const powerLosses = [loss(n1, 0, 9_000_000)];
    const evidence = { powerLosses, slackMicros: 0 };
    assert.deepEqual(lossesStayWithinTheLevel({ durability: { mode: 'never' }, ...evidence }), []);
  });
});
