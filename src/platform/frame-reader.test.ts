import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { writeUint32 } from '../core/bytes.ts';
import { limits } from '../core/limits.ts';
import { pieceFlag } from './frame-format.ts';
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

/** A piece of the other stream. */
function pieceOf(bytes: Uint8Array): Uint8Array {
  return Buffer.concat([prefix((pieceFlag | bytes.length) >>> 0), bytes]);
}

test('frames of both streams come out whole, each stream in order, wherever it is cut', () => {
  const short = fc.uint8Array({ minLength: 1, maxLength: 40 });
  const pieceSizes = fc.array(fc.integer({ min: 1, max: 25 }), { minLength: 1 });
  fc.assert(
    fc.property(
      fc.array(short, { maxLength: 10 }),
      fc.array(short, { maxLength: 10 }),
      pieceSizes,
      pieceSizes,
      (direct, inPieces, ofPieces, ofChunks) => {
        const parts: Uint8Array[] = [];
        const other = framed(inPieces);
        for (let offset = 0, turn = 0; offset < other.length; turn++) {
          const size = ofPieces[turn % ofPieces.length] ?? 1;
          parts.push(pieceOf(other.subarray(offset, offset + size)));
          offset += size;
        }
        const isDirect = new Set<Uint8Array>();
        for (const [index, frame] of direct.entries()) {
          const part = framed([frame]);
          isDirect.add(part);
          parts.splice((index * 7) % (parts.length + 1), 0, part);
        }
        const directInOrder = parts.filter((part) => isDirect.has(part)).map((part) => part.slice(4));
        const stream = Buffer.concat(parts);
        const chunks: Uint8Array[] = [];
        for (let offset = 0, turn = 0; offset < stream.length; turn++) {
          const size = ofChunks[turn % ofChunks.length] ?? 1;
          chunks.push(stream.subarray(offset, offset + size));
          offset += size;
        }
        const frames = readPieces(chunks).map((frame) => Buffer.from(frame).toString('hex'));
        const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
        // Which stream a frame came by is not told, so what is left without the one in order is the other in order.
        assert.deepEqual(frames.toSorted(), [...direct, ...inPieces].map(hex).toSorted());
        for (const expected of [directInOrder, inPieces]) {
          let at = 0;
          for (const frame of expected)
            at = frames.indexOf(hex(frame), at) + 1 || assert.fail('out of order');
        }
      },
    ),
  );
});

test('frames between the pieces of a long one are kept, though what was copied of their chunks is given back', () => {
  const long = Uint8Array.from({ length: 1_000_000 }, (_, index) => index % 251);
  const parts: Uint8Array[] = [];
  const shorts: Uint8Array[] = [];
  const other = framed([long]);
  for (let offset = 0; offset < other.length; offset += limits.peerPieceBytes) {
    parts.push(pieceOf(other.subarray(offset, offset + limits.peerPieceBytes)));
    shorts.push(new Uint8Array(30_000).fill(shorts.length + 1));
    parts.push(framed(shorts.slice(-1)));
  }
  const stream = Buffer.concat(parts);
  const frames: Uint8Array[] = [];
  const reader = new FrameReader({ frameBytesMax, onFrame: (frame) => frames.push(frame) });
  let givenBack = 0;
  for (let offset = 0; offset < stream.length; offset += 65_536) {
    const chunk = new Uint8Array(stream.subarray(offset, offset + 65_536));
    assert.equal(reader.push(chunk), undefined);
    if (chunk.length === 0) givenBack++;
  }
  assert.ok(givenBack > 0);
  assert.equal(
    Buffer.compare(frames.find(({ length }) => length === long.length) ?? new Uint8Array(0), long),
    0,
  );
  assert.deepEqual(
    frames
      .filter(({ length }) => length !== long.length)
      .map((frame) => [frame.length, frame[0], frame.at(-1)]),
    shorts.map((short) => [short.length, short[0], short[0]]),
  );
});

test('a piece of length 0 or above the limit, and a piece or a wrong length within a piece, are refused', () => {
  const longest = limits.peerPieceBytes + 4;
  for (const [stream, reason] of [
    [prefix(pieceFlag), /a piece of 0 bytes/],
    [prefix((pieceFlag | (longest + 1)) >>> 0), /a piece of 131077 bytes; at least 1 and at most 131076/],
    [pieceOf(pieceOf(Uint8Array.of(1))), /a frame of 2147483649 bytes; at most/],
    [pieceOf(prefix(0)), /a frame of length 0/],
    [pieceOf(prefix(frameBytesMax + 1)), /at most 62914560/],
  ] as const) {
    const reader = new FrameReader({ frameBytesMax, onFrame: () => assert.fail('no frame is expected') });
    assert.match(reader.push(stream) ?? '', reason);
    assert.equal(reader.bufferBytes, 0);
  }
  const reader = new FrameReader({ frameBytesMax, onFrame: () => assert.fail('no frame is expected') });
  assert.equal(reader.push(prefix((pieceFlag | longest) >>> 0)), undefined);
});

test('a frame of length 0, of 2 or 4 GiB or just above the limit is refused before anything is allocated', () => {
  for (const length of [0, 0x7fff_ffff, 0xffff_ffff, frameBytesMax + 1]) {
    for (const cut of [0, 1, 2, 3]) {
      const reader = new FrameReader({ frameBytesMax, onFrame: () => assert.fail('no frame is expected') });
      assert.equal(reader.push(prefix(length).subarray(0, cut)), undefined);
      assert.match(
        reader.push(prefix(length).subarray(cut)) ?? '',
        length === 0 ? /length 0/ : length > pieceFlag ? /at most 131076/ : /at most 62914560/,
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
