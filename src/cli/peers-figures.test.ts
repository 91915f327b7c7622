import assert from 'node:assert/strict';
import { test } from 'node:test';

import { certificateRemarks, peersCell, type PeersPage } from './peers-figures.ts';

const dayMs = 86_400_000;

function pageOf(tls: PeersPage['tls'], ...encrypted: readonly boolean[]): PeersPage {
  return {
    id: 'n1',
    tls,
    peers: encrypted.map((is, index) => ({ id: `n${index + 2}`, up: true, encrypted: is })),
  };
}

function expiring(certificate_expires_ms: number): NonNullable<PeersPage['tls']> {
  return { mode: 'required', certificate_expires_ms };
}

test('the cell says how peers speak with a node, and how many do so plainly where TLS is optional', () => {
  const tls = expiring(dayMs);
  assert.equal(peersCell(undefined), '-');
  assert.equal(peersCell(pageOf(null)), '-', 'a node alone has no peers');
  assert.equal(peersCell(pageOf(null, false, false)), 'plain');
  assert.equal(peersCell(pageOf(tls, true, true)), 'TLS');
  assert.equal(peersCell(pageOf(tls, true, false)), 'TLS (1 plain)');
  const page = pageOf(tls, true, false);
  const down = page.peers.map((peer) => ({ ...peer, up: peer.encrypted }));
  assert.equal(peersCell({ ...page, peers: down }), 'TLS', 'a peer that is down does not speak plainly');
});

test('a certificate that ends within three weeks, or has ended, is told', () => {
  assert.deepEqual(certificateRemarks('n1', undefined, 0), []);
  assert.deepEqual(certificateRemarks('n1', pageOf(null, false), 0), []);
  assert.deepEqual(certificateRemarks('n1', pageOf(expiring(22 * dayMs), true), 0), []);
  assert.deepEqual(certificateRemarks('n1', pageOf(expiring(5 * dayMs), true), 0), [
    'n1: its certificate expires in 5d 0h: replace its files',
  ]);
  assert.deepEqual(certificateRemarks('n1', pageOf(expiring(dayMs), true), dayMs), [
    'n1: its certificate has expired: peers refuse new connections',
  ]);
});
