import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { test } from 'node:test';
import fc from 'fast-check';
import { limits } from '../core/limits.ts';
import { FrameReader } from './frame-reader.ts';
import { OutboundQueue } from './outbound-queue.ts';

/**
 * Stands for a socket whose kernel takes a write at once, or only when told to: what was written is looked at
 * when it is taken, as the kernel would.
 */
class Wire extends Writable {
  readonly taken: Buffer[] = [];
  /** The memory of each chunk as it was handed over. */
  readonly memory: ArrayBufferLike[] = [];
  writes = 0;
  isBusy = false;
  readonly #isLate: boolean;
  #waiting: (() => void) | undefined;

  constructor({ isLate = false } = {}) {
    super({ highWaterMark: 16_384 });
    this.#isLate = isLate;
  }

  override _writev(chunks: { chunk: Buffer }[], done: () => void): void {
    this.#offer(
      chunks.map(({ chunk }) => chunk),
      done,
    );
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.#offer([chunk], done);
  }

  #offer(chunks: readonly Buffer[], done: () => void): void {
    this.writes += 1;
    for (const chunk of chunks) this.memory.push(chunk.buffer);
    const take = (): void => {
      for (const chunk of chunks) this.taken.push(Buffer.from(chunk));
      done();
    };
    if (this.isBusy) this.#waiting = take;
    else if (this.#isLate) setImmediate(take);
    else take();
  }

  /** The kernel has room again for what waits. */
  takeWaiting(): void {
    const take = this.#waiting;
    this.#waiting = undefined;
    take?.();
  }
}

function framed(frames: readonly Uint8Array[]): Buffer {
  return Buffer.concat(
    frames.flatMap((frame) => {
      const prefix = Buffer.alloc(4);
      prefix.writeUInt32BE(frame.length);
      return [prefix, frame];
    }),
  );
}

function queueOn(wire: Wire, queueBytesMax = limits.peerQueueBytesMax): OutboundQueue {
  return new OutboundQueue({ socket: wire, queueBytesMax });
}

/** The frames that a reader at the other end has by now. */
function framesOn(wire: Wire): readonly Uint8Array[] {
  const frames: Uint8Array[] = [];
  const reader = new FrameReader({
    frameBytesMax: limits.peerQueueBytesMax,
    onFrame: (frame) => frames.push(frame),
  });
  for (const chunk of wire.taken) assert.equal(reader.push(Uint8Array.from(chunk)), undefined);
  return frames;
}

test('all frames of a turn leave in one write, and none before', () => {
  const wire = new Wire();
  const queue = queueOn(wire);
  const frames = Array.from({ length: 300 }, (_, index) => new Uint8Array(1 + (index % 50)).fill(index));
  for (const frame of frames) assert.equal(queue.push(frame), true);
  assert.equal(wire.writes, 0);
  queue.flush();
  assert.equal(wire.writes, 1);
  assert.equal(wire.taken.length, 1);
  assert.equal(Buffer.compare(Buffer.concat(wire.taken), framed(frames)), 0);
  queue.flush();
  assert.equal(wire.writes, 1, 'nothing queued is no write');
});

test('short and long frames of a turn leave in one write, the long ones uncopied', () => {
  const wire = new Wire();
  const queue = queueOn(wire);
  const long = new Uint8Array(limits.peerCopiedFrameBytesMax + 1).fill(9);
  const frames = [new Uint8Array(5).fill(1), long, long, new Uint8Array(6).fill(2)];
  for (const frame of frames) queue.push(frame);
  queue.flush();
  assert.equal(wire.writes, 1);
  assert.equal(wire.memory.filter((memory) => memory === long.buffer).length, 2);
  assert.equal(Buffer.compare(Buffer.concat(wire.taken), framed(frames)), 0);
});

test('while the kernel takes every write at once, the same memory serves all turns', () => {
  const wire = new Wire();
  const queue = queueOn(wire);
  for (let turn = 0; turn < 100; turn++) {
    for (let frame = 0; frame < 10; frame++) queue.push(new Uint8Array(1_000));
    queue.flush();
  }
  assert.equal(new Set(wire.memory).size, 1);
});

test('a socket that finishes each write later, as over TLS, is served by the same memory too', async () => {
  const wire = new Wire({ isLate: true });
  const queue = queueOn(wire);
  const frames = Array.from({ length: 200 }, (_, index) => new Uint8Array(1_000).fill(index));
  for (const frame of frames) {
    queue.push(frame);
    queue.flush();
    assert.ok(wire.writableLength > 0, 'the write is not over when it returns');
    await new Promise(setImmediate);
  }
  assert.equal(new Set(wire.memory).size, 1);
  assert.equal(Buffer.compare(Buffer.concat(wire.taken), framed(frames)), 0);
});

test('a frame is refused when it would not fit with all that waits here and in the socket', () => {
  const wire = new Wire();
  wire.isBusy = true;
  const queue = queueOn(wire, 10_000);
  assert.equal(queue.push(new Uint8Array(5_996)), true);
  queue.flush();
  assert.equal(queue.push(new Uint8Array(3_997)), false);
  assert.equal(queue.push(new Uint8Array(2_996)), true);
  assert.equal(queue.push(new Uint8Array(997)), false);
  assert.equal(queue.push(new Uint8Array(996)), true);
  queue.flush();
  assert.equal(queue.push(new Uint8Array(1)), false);
  wire.isBusy = false;
  wire.takeWaiting();
  assert.equal(queue.push(new Uint8Array(9_996)), true);
});

test('while the socket has enough to do, frames of many turns gather in few pieces', () => {
  const wire = new Wire();
  const queue = queueOn(wire);
  wire.on('drain', () => queue.flush());
  wire.isBusy = true;
  const frames = Array.from({ length: 20_000 }, (_, index) => new Uint8Array(20).fill(index));
  queue.push(new Uint8Array(20_000));
  queue.flush();
  for (const frame of frames) {
    queue.push(frame);
    queue.flush();
  }
  assert.ok(wire.writableLength < 25_000, 'they are not with the socket');
  wire.isBusy = false;
  wire.takeWaiting();
  queue.flushAnyway();
  assert.ok(wire.taken.length < 12, `${wire.taken.length} pieces`);
  assert.equal(Buffer.compare(Buffer.concat(wire.taken), framed([new Uint8Array(20_000), ...frames])), 0);
});

test('short frames pass the rest of a long one, of which each flush sends a piece', async () => {
  const wire = new Wire();
  const queue = queueOn(wire);
  const long = Uint8Array.from({ length: 3 * limits.peerPieceBytes + 5 }, (_, index) => index % 251);
  queue.push(long);
  queue.push(Uint8Array.of(1));
  for (let flushes = 1; flushes <= 4; flushes++) {
    assert.equal(queue.hasMore, true);
    queue.flush();
    assert.equal(wire.writes, flushes);
    queue.push(Uint8Array.of(flushes + 1));
    await new Promise(setImmediate);
  }
  assert.equal(queue.hasMore, false);
  queue.flush();
  const frames = framesOn(wire);
  assert.deepEqual(
    frames.map((frame) => (frame.length === 1 ? frame[0] : 'long')),
    [1, 2, 3, 4, 'long', 5],
  );
  assert.equal(Buffer.compare(frames[4] ?? new Uint8Array(0), long), 0);
});

test('long frames that wait count for what a peer may be owed', () => {
  const queue = queueOn(new Wire(), 3 * limits.peerPieceBytes + 8);
  const long = new Uint8Array(2 * limits.peerPieceBytes);
  assert.equal(queue.push(long), true);
  assert.equal(queue.push(long), false);
  queue.flush();
  assert.equal(queue.push(long), true, 'a piece has left');
  assert.equal(queue.push(new Uint8Array(limits.peerPieceBytes)), false);
  queue.flushAnyway();
  assert.equal(queue.push(long), true);
});

test('every byte leaves unchanged and in order, however late the kernel takes it', () => {
  const length = fc.oneof(
    { weight: 8, arbitrary: fc.integer({ min: 1, max: 3_000 }) },
    { weight: 1, arbitrary: fc.integer({ min: 16_000, max: 40_000 }) },
    { weight: 1, arbitrary: fc.integer({ min: limits.peerPieceBytes, max: 4 * limits.peerPieceBytes }) },
  );
  const step = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({ kind: fc.constant('push' as const), length, tail: fc.option(length) }),
    },
    { weight: 3, arbitrary: fc.constant({ kind: 'flush' as const }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('busy' as const), isBusy: fc.boolean() }) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const wire = new Wire();
      const queue = queueOn(wire);
      const frames: Uint8Array[] = [];
      for (const action of steps) {
        if (action.kind === 'push') {
          const tailBytes = action.tail ?? 0;
          const frame = new Uint8Array(action.length + tailBytes).fill(frames.length + 1);
          frame[0] = tailBytes;
          frame[frame.length - 1] = action.length;
          frames.push(frame);
          const head = frame.slice(0, action.length);
          const tail = action.tail === null ? undefined : frame.slice(action.length);
          assert.equal(queue.push(head, tail), true);
        } else if (action.kind === 'flush') {
          queue.flush();
        } else {
          wire.isBusy = action.isBusy;
          wire.takeWaiting();
        }
      }
      queue.flushAnyway();
      wire.isBusy = false;
      while (wire.writableLength > 0) wire.takeWaiting();
      const arrived = framesOn(wire);
      for (const isLong of [false, true]) {
        const these = ({ length }: Uint8Array): boolean => length > limits.peerPieceBytes === isLong;
        assert.equal(Buffer.compare(framed(arrived.filter(these)), framed(frames.filter(these))), 0);
      }
    }),
    { numRuns: 200 },
  );
});
