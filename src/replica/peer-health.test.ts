import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NodeId } from '../core/config.ts';
import { PeerHealth } from './peer-health.ts';

const peer = 'n2' as NodeId;
const health = (): PeerHealth => new PeerHealth({ peers: [peer], peerDownAfterMs: 1_600, heartbeatMs: 500 });

test('a peer is up from its connection until it was silent for too long', () => {
  const deciding = health();
  assert.equal(deciding.isUp(peer, 0), false);
  deciding.connected({ id: peer, incarnation: 1, life: 1 }, 0);
  assert.equal(deciding.isUp(peer, 1_599), true);
  assert.equal(deciding.isUp(peer, 1_600), false);
  deciding.heard(peer, 1_700);
  assert.equal(deciding.isUp(peer, 1_700), true);
});

test('a connection that ends takes the peer down at once', () => {
  const deciding = health();
  deciding.connected({ id: peer, incarnation: 1, life: 1 }, 0);
  deciding.disconnected({ id: peer, incarnation: 1, life: 1 });
  assert.equal(deciding.isUp(peer, 1), false);
});

test('the end of a connection of a past incarnation says nothing about the present one', () => {
  const deciding = health();
  deciding.connected({ id: peer, incarnation: 2, life: 1 }, 0);
  deciding.disconnected({ id: peer, incarnation: 1, life: 1 });
  assert.equal(deciding.isUp(peer, 1), true);
});

test('a node that stood still itself does not hold the silence against its peers', () => {
  const deciding = health();
  deciding.connected({ id: peer, incarnation: 1, life: 1 }, 0);
  deciding.tick(0);
  deciding.tick(500);
  deciding.tick(10_000);
  assert.equal(deciding.isUp(peer, 10_000), true);
  for (let nowMs = 10_500; nowMs <= 12_000; nowMs += 500) deciding.tick(nowMs);
  assert.equal(deciding.isUp(peer, 12_000), false);
});

test('a node outside the membership is never up', () => {
  const stranger = 'n9' as NodeId;
  const deciding = health();
  deciding.connected({ id: stranger, incarnation: 1, life: 1 }, 0);
  deciding.heard(stranger, 0);
  assert.equal(deciding.isUp(stranger, 0), false);
});
