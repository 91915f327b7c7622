import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { writeUint32 } from '../core/bytes.ts';
import { FrameReader } from './frame-reader.ts';

const frameBytesMax = 60 * 1024 * 1024;

function framed(frames: readonly Uint8Array[]): Uint8Array {
  const stream = new Uint8Array(frames.reduce((total, frame) => total + 4 + frame.length, 0));
  let offset = 0;
  for (const frame of frames) {
    writeUint32(stream, offset, frame.length);
    stream.set(frame, offset + 4);
    offset += 4 + frame.length;
  }
  return stream;
}

function prefix(length: number): Uint8Array {
  const bytes = new Uint8Array(4);
  writeUint32(bytes, 0, length);
  return bytes;
}

/** Pushes the pieces, each in memory of its own, and returns the frames that came out. */
function readPieces(pieces: readonly Uint8Array[]): readonly Uint8Array[] {
  const frames: Uint8Array[] = [];
  const reader = new FrameReader({ frameBytesMax, onFrame: (frame) => frames.push(frame) });
  for (const piece of pieces) assert.equal(reader.push(piece.slice()), undefined);
  assert.equal(reader.bufferBytes, 0);
  return frames;
}

const sample = [1, 2, 3, 4, 5, 40, 260].map((length, index) => new Uint8Array(length).fill(index + 1));

test('frames come out whole wherever the stream is cut, down to single bytes', () => {
  const stream = framed(sample);
  for (let cut = 0; cut <= stream.length; cut++) {
    assert.deepEqual(readPieces([stream.subarray(0, cut), stream.subarray(cut)]), sample, `cut at ${cut}`);
  }
  assert.deepEqual(readPieces([...stream].map((byte) => Uint8Array.of(byte))), sample);
});

test('any frames come out whole from any pieces', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ minLength: 1, maxLength: 50 }), { maxLength: 12 }),
      fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }),
      (frames, sizes) => {
        const stream = framed(frames);
        const pieces: Uint8Array[] = [];
        for (let offset = 0, turn = 0; offset < stream.length; turn++) {
          const size = sizes[turn % sizes.length] ?? 1;
          pieces.push(stream.subarray(offset, offset + size));
          offset += size;
        }
        assert.deepEqual(readPieces(pieces), frames);
      },
    ),
  );
});

test('a long frame in many chunks is the same bytes', () => {
  const frame = new Uint8Array(3_000_000);
  for (let index = 0; index < frame.length; index++) frame[index] = (index * 31 + (index >>> 9)) & 0xff;
  const stream = framed([frame, frame.subarray(0, 5)]);
  const pieces: Uint8Array[] = [];
  for (let offset = 0; offset < stream.length; offset += 65_536) {
    pieces.push(stream.subarray(offset, offset + 65_536));
  }
  const [first, second, ...others] = readPieces(pieces);
  assert.equal(Buffer.compare(first ?? new Uint8Array(0), frame), 0);
  assert.deepEqual(second, frame.slice(0, 5));
  assert.equal(others.length, 0);
});

test('a frame of length 0, of 4 GiB or just above the limit is refused before anything is allocated', () => {
  for (const length of [0, 0xffff_ffff, frameBytesMax + 1]) {
    for (const cut of [0, 1, 2, 3]) {
      const reader = new FrameReader({ frameBytesMax, onFrame: () => assert.fail('no frame is expected') });
      assert.equal(reader.push(prefix(length).subarray(0, cut)), undefined);
      assert.match(
        reader.push(prefix(length).subarray(cut)) ?? '',
        length === 0 ? /length 0/ : /at most 62914560/,
      );
      assert.equal(reader.bufferBytes, 0);
    }
  }
});

test('the longest frame is let in, and memory grows only as its bytes arrive', () => {
  const reader = new FrameReader({ frameBytesMax, onFrame: () => assert.fail('the frame is not complete') });
  assert.equal(reader.push(prefix(frameBytesMax)), undefined);
  assert.equal(reader.bufferBytes, 0);
  const piece = new Uint8Array(10_000);
  for (let arrived = piece.length; arrived <= 2_000_000; arrived += piece.length) {
    assert.equal(reader.push(piece), undefined);
    assert.ok(
      reader.bufferBytes <= Math.max(65_536, 8 * arrived),
      `${reader.bufferBytes} for ${arrived} bytes`,
    );
  }
});

test('a long frame comes out whole, and its buffer is grown only a few times', () => {
  const frame = Uint8Array.from({ length: 5_000_000 }, (_, index) => index % 251);
  const frames: Uint8Array[] = [];
  const reader = new FrameReader({ frameBytesMax, onFrame: (whole) => frames.push(whole) });
  const stream = framed([frame]);
  const sizes = new Set<number>();
  for (let offset = 0; offset < stream.length; offset += 65_536) {
    assert.equal(reader.push(stream.slice(offset, offset + 65_536)), undefined);
    sizes.add(reader.bufferBytes);
  }
  assert.deepEqual(frames, [frame]);
  // Three on the way to its length, which is the fourth, and none when it was handed on.
  assert.ok(sizes.size <= 5, [...sizes].join(', '));
});

test('a stopped reader hands nothing on, not even the rest of the chunk', () => {
  const frames: Uint8Array[] = [];
  const reader = new FrameReader({
    frameBytesMax,
    onFrame: (frame) => {
      frames.push(frame);
      reader.stop();
    },
  });
  reader.push(framed(sample));
  reader.push(framed(sample));
  assert.deepEqual(frames, sample.slice(0, 1));
});
