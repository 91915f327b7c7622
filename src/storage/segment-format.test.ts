import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';

import { crc32 } from '../core/crc32.ts';
import {
  asciiBytes,
  batchChecksum,
  batchHeaderBytes,
  decodeDrop,
  decodeSegmentHeader,
  dropKind,
  encodeDrop,
  encodeSegmentHeader,
  entryFits,
  entryHeaderBytes,
  readBatchHeader,
  readEntry,
  segmentHeaderBytes,
  writeBatchHeader,
  writeEntryHead,
} from './segment-format.ts';

const uint32 = fc.integer({ min: 0, max: 0xffff_ffff });
const uint48 = fc.integer({ min: 0, max: 2 ** 48 - 1 });
const actor = fc.stringMatching(/^[\x21-\x7e]{1,40}$/);

describe('segment format', () => {
  test('a header reads as it was written, and not with any bit changed', () => {
    const header = fc.record(
      { firstId: uint32, lastId: uint32, generation: uint32, batchMark: uint32, sequence: uint48 },
      { noNullPrototype: true },
    );
    fc.assert(
      fc.property(header, fc.nat(segmentHeaderBytes * 8 - 1), (value, bit) => {
        const bytes = encodeSegmentHeader(value, crc32);
        assert.deepEqual(decodeSegmentHeader(bytes, crc32), value);
        bytes[bit >>> 3] = (bytes[bit >>> 3] ?? 0) ^ (1 << (bit & 7));
        assert.equal(decodeSegmentHeader(bytes, crc32), undefined);
      }),
    );
  });

  test('a header cut short is none', () => {
    const header = { firstId: 1, lastId: 1, generation: 1, batchMark: 2, sequence: 3 };
    const bytes = encodeSegmentHeader(header, crc32);
    for (let length = 0; length < bytes.length; length++) {
      assert.equal(decodeSegmentHeader(bytes.subarray(0, length), crc32), undefined);
    }
  });

  test('the checksum of a batch covers its header and its payload', () => {
    const bytes = new Uint8Array(batchHeaderBytes + 8).fill(9);
    const header = { batchMark: 7, payloadBytes: 8, entries: 1, sequence: 2 ** 40 + 5 };
    writeBatchHeader(bytes, 0, header);
    const { checksum: _checksum, ...read } = readBatchHeader(bytes, 0);
    assert.deepEqual(read, header);
    const checksum = batchChecksum(bytes, 0, 8, crc32);
    for (const offset of [...Array(20).keys(), batchHeaderBytes, bytes.length - 1]) {
      const changed = Uint8Array.from(bytes);
      changed[offset] = (changed[offset] ?? 0) ^ 1;
      assert.notEqual(batchChecksum(changed, 0, 8, crc32), checksum, `offset ${offset}`);
    }
  });

  test('a drop reads as it was written, and not cut short or longer', () => {
    const dot = fc.record({ wallMs: uint48, counter: fc.nat(0xffff), actor }, { noNullPrototype: true });
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), dot, (key, value) => {
        const bytes = encodeDrop({ key, dot: value });
        assert.deepEqual(decodeDrop(bytes), { key, dot: value });
        assert.equal(decodeDrop(bytes.subarray(0, bytes.length - 1)), undefined);
        assert.equal(decodeDrop(Uint8Array.of(...bytes, 0)), undefined);
      }),
    );
  });

  test('an entry head says where its payload is, and nothing past the end is taken for an entry', () => {
    const bytes = new Uint8Array(40);
    const length = entryHeaderBytes + 2 + 5;
    const start = writeEntryHead(bytes, 3, { length, kind: dropKind, spaceName: asciiBytes('n2') });
    assert.equal(start, 3 + entryHeaderBytes + 2);
    const entry = { kind: dropKind, start: 3, length, spaceName: 'n2', payloadStart: start };
    assert.deepEqual(readEntry(bytes, 3), entry);
    assert.equal(entryFits(bytes, 3, 3 + length), true);
    assert.equal(entryFits(bytes, 3, 3 + length - 1), false);
    assert.equal(entryFits(bytes, 38, 40), false, 'a head that is cut short');
    bytes[6] = entryHeaderBytes + 1;
    assert.equal(entryFits(bytes, 3, 40), false, 'shorter than its own space name');
  });
});
