/** When a connection over which nothing comes any more is given up. */

import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { test } from 'node:test';

import { silentObserver } from '../ports/observer.ts';
import { ManualClock } from '../sim/manual-clock.ts';
import { PeerConnection } from './peer-connection.ts';
import { nodeId } from './transport-contract-raw-peer.ts';

/** A connection whose socket takes all that is written, and on which nothing comes unless told. */
function newConnection(options: { readonly silentMsMax?: number }): {
  readonly clock: ManualClock;
  readonly connection: PeerConnection;
  readonly lost: string[];
} {
  const clock = new ManualClock();
  const lost: string[] = [];
  const wire = new Duplex({ read: () => undefined, write: (_chunk, _encoding, done) => done() });
  const connection = new PeerConnection({
    socket: wire as unknown as Socket,
    peer: { id: nodeId('n2'), incarnation: 1, life: 1 },
    frameBytesMax: 1_000,
    queueBytesMax: 1_000_000,
    clock,
    observer: silentObserver,
    onFrame: () => undefined,
    onLost: (_connection, reason) => lost.push(reason),
    ...options,
  });
  return { clock, connection, lost };
}

const frame = Uint8Array.of(0, 0, 0, 1, 7);

test('a connection over which nothing comes is given up, whatever is sent over it', () => {
  const { clock, connection, lost } = newConnection({ silentMsMax: 800 });
  for (let nowMs = 0; nowMs < 700; nowMs += 100) {
    clock.advance(100);
    assert.equal(connection.send(frame), true);
    connection.flush();
  }
  assert.deepEqual(lost, []);
  clock.advance(100);
  assert.deepEqual(lost, ['nothing came for 800 ms, no heartbeat either']);
});

test('a peer that says something now and then keeps its connection', () => {
  const { clock, connection, lost } = newConnection({ silentMsMax: 800 });
  for (let round = 0; round < 20; round++) {
    clock.advance(600);
    connection.receive(frame);
  }
  assert.deepEqual(lost, []);
});

test('a process that stood still itself does not take that for silence', () => {
  const { clock, lost } = newConnection({ silentMsMax: 800 });
  for (let round = 0; round < 5; round++) clock.sleepThrough(60_000);
  assert.deepEqual(lost, []);
});

test('a connection that is over is watched no longer', () => {
  const { clock, connection, lost } = newConnection({ silentMsMax: 800 });
  connection.destroy('enough');
  clock.advance(5_000);
  assert.deepEqual(lost, ['enough']);
  assert.equal(clock.timers, 0);
});

test('a connection whose silence nobody limits is kept', () => {
  const { clock, lost } = newConnection({});
  clock.advance(1_000_000);
  assert.deepEqual(lost, []);
});
