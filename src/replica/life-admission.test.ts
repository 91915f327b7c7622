import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { NodeId } from '../core/config.ts';
import { limits } from '../core/limits.ts';
import type { LoggedLife } from '../core/node-life.ts';
import { LifeAdmission } from './life-admission.ts';

const n1 = 'n1' as NodeId;
const n2 = 'n2' as NodeId;
const n3 = 'n3' as NodeId;
const log = { generation: 'abc', since: 0, entries: 5 };
const own = { id: n1, incarnation: 6, life: 60, log };

class Stage {
  nowMs = 0;
  readonly told: string[] = [];
  readonly remembered = new Map<NodeId, LoggedLife>();
  readonly admission = new LifeAdmission({
    self: own,
    monotonicNow: () => this.nowMs,
    memory: {
      known: (peer) => this.remembered.get(peer),
      remember: (peer, life) => void this.remembered.set(peer, life),
      logReached: (peer, entries, nowMs) => void this.told.push(`${peer.id} has ${entries} at ${nowMs}`),
    },
    events: {
      onRolledBack: (by, known) => this.told.push(`rolled back: ${by} knows ${known.incarnation}`),
      onIdInUse: (reason) => this.told.push(reason),
    },
  });

  refused(by: NodeId, code: 'ROLLED_BACK' | 'ID_IN_USE', incarnation = 9): void {
    this.admission.refusedBy(by, { code, known: { incarnation, life: 90 } });
  }
}

describe('the lives of peers', () => {
  test('are judged by what is remembered of them', () => {
    const { admission, remembered } = new Stage();
    const claimed = { id: n2, incarnation: 3, life: 1, log };
    assert.equal(
      admission.judge(claimed, () => false),
      undefined,
    );
    void admission.remember(claimed);
    assert.equal(
      admission.judge(claimed, () => true),
      undefined,
    );
    const known = { incarnation: 4, life: 1, log };
    remembered.set(n2, known);
    assert.deepEqual(
      admission.judge(claimed, () => false),
      { code: 'ROLLED_BACK', known },
    );
    assert.deepEqual(
      admission.judge(claimed, () => true),
      { code: 'ID_IN_USE', known },
    );
    assert.equal(
      admission.judge({ ...claimed, id: n3 }, () => false),
      undefined,
      'each by its own',
    );
  });

  test('are remembered with how far their log has come', () => {
    const stage = new Stage();
    stage.nowMs = 70;
    stage.admission.logReached({ id: n2, incarnation: 3, life: 1 }, 9);
    assert.deepEqual(stage.told, ['n2 has 9 at 70']);
    stage.remembered.set(n2, { incarnation: 3, life: 1, log: { ...log, entries: 9 } });
    const refusal = stage.admission.judge({ id: n2, incarnation: 4, life: 1, log }, () => false);
    assert.equal(refusal?.code, 'ROLLED_BACK');
  });

  test('are remembered for as long as it lasts when there is no other memory', () => {
    const admission = new LifeAdmission();
    void admission.remember({ id: n2, incarnation: 3, life: 1, log });
    assert.equal(admission.judge({ id: n2, incarnation: 2, life: 1, log }, () => false)?.code, 'ROLLED_BACK');
    admission.refusedBy(n2, { code: 'ROLLED_BACK', known: { incarnation: 9, life: 1 } });
  });
});

describe('this node', () => {
  test('was rolled back when a peer that never let it in knows a life that it does not; told once', () => {
    const stage = new Stage();
    stage.admission.welcomedBy(n3);
    stage.refused(n2, 'ROLLED_BACK');
    stage.refused(n2, 'ROLLED_BACK');
    stage.refused(n3, 'ROLLED_BACK');
    assert.deepEqual(stage.told, ['rolled back: n2 knows 9']);
  });

  test('has a twin when a peer that let it in has met another life since, and the message names both', () => {
    for (const code of ['ROLLED_BACK', 'ID_IN_USE'] as const) {
      const stage = new Stage();
      stage.admission.welcomedBy(n2);
      stage.refused(n2, code);
      assert.equal(stage.told.length, 1);
      assert.match(
        stage.told[0] ?? '',
        /another process runs as n1: this one is incarnation 6 \(life 0000003c\), and n2 has met incarnation 9 \(life 0000005a\)/,
      );
    }
  });

  test('has a twin when its id stays in use for longer than a dead process seems alive', () => {
    const stage = new Stage();
    stage.refused(n2, 'ID_IN_USE');
    stage.nowMs += limits.idInUseGraceMs - 1;
    stage.refused(n2, 'ID_IN_USE');
    stage.refused(n3, 'ID_IN_USE');
    assert.deepEqual(stage.told, []);
    stage.nowMs += 1;
    stage.refused(n2, 'ID_IN_USE');
    assert.match(stage.told.join(), /another process runs as n1/);
  });

  test('has none when its id was in use only until its former process was seen to be dead', () => {
    const stage = new Stage();
    stage.refused(n2, 'ID_IN_USE');
    stage.nowMs += limits.peerPresentMs;
    stage.refused(n2, 'ROLLED_BACK');
    assert.deepEqual(stage.told, ['rolled back: n2 knows 9']);
    assert.ok(limits.idInUseGraceMs > 2 * limits.peerPresentMs);
  });
});
