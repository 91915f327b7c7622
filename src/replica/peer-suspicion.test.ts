import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NodeId } from '../core/config.ts';
import { limits } from '../core/limits.ts';
import { PeerSuspicion } from './peer-suspicion.ts';

const [n2, n3] = ['n2' as NodeId, 'n3' as NodeId];

interface Stage {
  readonly suspicion: PeerSuspicion;
  readonly changes: string[];
  /** Both peers answer within a millisecond for a while; returns when. */
  warmUp(): number;
}

function stage(): Stage {
  const changes: string[] = [];
  const suspicion = new PeerSuspicion({
    peers: [n2, n3],
    onChange: (peer, isSuspect) => changes.push(`${peer} ${isSuspect ? 'suspect' : 'trusted'}`),
  });
  const warmUp = (): number => {
    for (let nowMs = 0; nowMs < 1_000; nowMs += 10) {
      suspicion.answered(n2, { sentAtMs: nowMs - 1, nowMs });
      suspicion.answered(n3, { sentAtMs: nowMs - 1, nowMs });
    }
    return 1_000;
  };
  return { suspicion, changes, warmUp };
}

test('three slow answers make a peer suspect and put it last', () => {
  const { suspicion, changes, warmUp } = stage();
  const startMs = warmUp();
  assert.equal(suspicion.anyDemoted, false);
  for (let index = 1; index <= 3; index++) {
    assert.equal(suspicion.isSuspect(n3), false);
    const nowMs = startMs + 500 * index;
    suspicion.answered(n3, { sentAtMs: nowMs - 500, nowMs });
  }
  assert.deepEqual(changes, ['n3 suspect']);
  assert.deepEqual([suspicion.rank(n2), suspicion.rank(n3)], [0, 2]);
});

test('a peer that answers nothing is suspect before any request to it has ended', () => {
  const { suspicion, warmUp } = stage();
  const startMs = warmUp();
  for (let waitedMs = 0; waitedMs <= 60; waitedMs += 10) {
    suspicion.waitedFor(n3, { sentAtMs: startMs, nowMs: startMs + waitedMs });
  }
  assert.equal(suspicion.isSuspect(n3), true);
});

test('three timeouts make a peer suspect, one or two with a quick answer in between do not', () => {
  const { suspicion, changes, warmUp } = stage();
  let nowMs = warmUp();
  for (let round = 0; round < 10; round++) {
    suspicion.timedOut(n3, { sentAtMs: nowMs, nowMs: nowMs + 2_000 });
    suspicion.timedOut(n3, { sentAtMs: nowMs + 20, nowMs: nowMs + 2_020 });
    nowMs += 3_000;
    suspicion.answered(n3, { sentAtMs: nowMs - 1, nowMs });
  }
  assert.deepEqual(changes, []);
  for (let index = 0; index < 3; index++) {
    suspicion.timedOut(n3, { sentAtMs: nowMs, nowMs: nowMs + 2_000 + 20 * index });
  }
  assert.deepEqual(changes, ['n3 suspect']);
});

test('what was under way at once when a peer paused is one sign, however much it was', () => {
  const { suspicion, changes, warmUp } = stage();
  const sentAtMs = warmUp();
  for (let index = 0; index < 100; index++) {
    suspicion.answered(n3, { sentAtMs, nowMs: sentAtMs + 100 + index / 20 });
  }
  suspicion.answered(n3, { sentAtMs: sentAtMs + 199, nowMs: sentAtMs + 200 });
  assert.deepEqual(changes, []);
});

test('two quick answers in a row take the suspicion back', () => {
  const { suspicion, changes, warmUp } = stage();
  let nowMs = warmUp();
  for (let index = 0; index < 3; index++, nowMs += 500) {
    suspicion.answered(n3, { sentAtMs: nowMs, nowMs: nowMs + 500 });
  }
  suspicion.answered(n3, { sentAtMs: nowMs, nowMs: nowMs + 1 });
  suspicion.answered(n3, { sentAtMs: nowMs + 100, nowMs: nowMs + 600 });
  suspicion.answered(n3, { sentAtMs: nowMs + 1_000, nowMs: nowMs + 1_001 });
  assert.equal(suspicion.isSuspect(n3), true);
  suspicion.answered(n3, { sentAtMs: nowMs + 1_500, nowMs: nowMs + 1_501 });
  assert.deepEqual(changes, ['n3 suspect', 'n3 trusted']);
  assert.equal(suspicion.rank(n3), 0);
});

test('a node that stood still itself holds nothing against its peers that was under way by then', () => {
  const { suspicion, changes, warmUp } = stage();
  const sentAtMs = warmUp();
  const wokeAtMs = sentAtMs + 3_000;
  assert.equal(suspicion.timerFired({ dueAtMs: sentAtMs + 50, nowMs: wokeAtMs }), true);
  for (let index = 0; index < 10; index++) {
    const nowMs = wokeAtMs + 20 * index;
    suspicion.timedOut(n3, { sentAtMs, nowMs });
    suspicion.answered(n3, { sentAtMs, nowMs });
    suspicion.waitedFor(n3, { sentAtMs, nowMs });
  }
  assert.deepEqual(changes, []);
  assert.equal(suspicion.rank(n3), 0);
  assert.equal(suspicion.timerFired({ dueAtMs: wokeAtMs, nowMs: wokeAtMs + 1 }), false);
});

test('peers that are all slow are compared with each other, and none is suspect', () => {
  const { suspicion, changes, warmUp } = stage();
  const startMs = warmUp();
  for (let index = 0; index < 200; index++) {
    // Load makes both slower by and by.
    const latencyMs = 1 + index;
    const nowMs = startMs + 250 * index;
    suspicion.answered(n2, { sentAtMs: nowMs - latencyMs, nowMs });
    suspicion.answered(n3, { sentAtMs: nowMs - latencyMs, nowMs });
  }
  assert.equal(changes.filter((change) => change.endsWith('suspect')).length, 0, changes.join());
});

test('a peer far away is asked after the near ones, and is no suspect', () => {
  const { suspicion, changes } = stage();
  suspicion.connected(n3);
  for (let nowMs = 0; nowMs < 5_000; nowMs += 100) {
    suspicion.answered(n2, { sentAtMs: nowMs - 1, nowMs });
    suspicion.answered(n3, { sentAtMs: nowMs - 80, nowMs });
  }
  assert.deepEqual(changes, []);
  assert.deepEqual([suspicion.rank(n2), suspicion.rank(n3)], [0, 1]);
});

test('one slow answer among quick ones demotes nobody', () => {
  const { suspicion, warmUp } = stage();
  const nowMs = warmUp();
  suspicion.answered(n3, { sentAtMs: nowMs - 400, nowMs });
  suspicion.answered(n2, { sentAtMs: nowMs + 19, nowMs: nowMs + 20 });
  assert.equal(suspicion.anyDemoted, false);
});

test('a suspect is probed at most once in a while, others never', () => {
  const { suspicion, warmUp } = stage();
  const startMs = warmUp();
  for (let index = 1; index <= 3; index++) {
    suspicion.timedOut(n3, { sentAtMs: startMs, nowMs: startMs + 100 * index });
  }
  let probes = 0;
  for (let nowMs = startMs; nowMs < startMs + 1_000; nowMs++) {
    if (suspicion.takeProbe(n3, nowMs)) probes++;
    assert.equal(suspicion.takeProbe(n2, nowMs), false);
  }
  assert.equal(probes, 1_000 / limits.probeMs);
});

test('a new connection starts without suspicion', () => {
  const { suspicion, warmUp } = stage();
  const startMs = warmUp();
  for (let index = 1; index <= 3; index++) {
    suspicion.timedOut(n3, { sentAtMs: startMs, nowMs: startMs + 100 * index });
  }
  suspicion.connected(n3);
  assert.equal(suspicion.isSuspect(n3), false);
  assert.equal(suspicion.latencyMs(n3), undefined);
});
