/**
 * Records for the store contract: short to write down, and encoded exactly as a coordinator does.
 *
 * `collidingKeys` makes different keys of one token. The token hash is no cryptographic one, and its
 * block step can be solved for the block that leads from any state to any other, so a hostile client
 * can do the same: a store has to keep such keys apart.
 */

import { crc32 } from '../core/crc32.ts';
import { encodeRecord, type StoredRecord, type VersionDigest } from '../core/record.ts';
import type { TokenRange } from '../core/token.ts';
import { emptySum, RunningSum, type VersionSum } from '../core/version-sum.ts';
import type { Store, ScanCursor, ScanEntry } from './store.ts';

/** What a test says about a record; the rest has defaults. */
export interface RecordSketch {
  readonly key: string | Uint8Array;
  readonly value?: string | Uint8Array;
  readonly wallMs?: number;
  readonly counter?: number;
  readonly actor?: string;
  readonly tombstone?: boolean;
  readonly expiresAtMs?: number;
  readonly contentType?: string;
}

const encoder = new TextEncoder();

/** The encoded record of a sketch. */
export function recordOf(sketch: RecordSketch): StoredRecord {
  return encodeRecord(
    {
      key: bytesOf(sketch.key),
      value: bytesOf(sketch.value ?? ''),
      dot: {
        wallMs: sketch.wallMs ?? 1_000,
        counter: sketch.counter ?? 0,
        actor: sketch.actor ?? 'n1.test',
      },
      tombstone: sketch.tombstone ?? false,
      expiresAtMs: sketch.expiresAtMs ?? 0,
      contentType: sketch.contentType ?? '',
    },
    crc32,
  );
}

/** Text as UTF-8, bytes as they are. */
export function bytesOf(text: string | Uint8Array): Uint8Array {
  return typeof text === 'string' ? encoder.encode(text) : text;
}

/** Just the fields of a digest, whatever else the object carries. */
export function digestOf(version: VersionDigest): VersionDigest {
  return {
    dot: { wallMs: version.dot.wallMs, counter: version.dot.counter, actor: version.dot.actor },
    tombstone: version.tombstone,
    expiresAtMs: version.expiresAtMs,
    checksum: version.checksum,
  };
}

/** Every entry of a scan, page by page. */
export async function scanAll(
  store: Store,
  options: { readonly limit: number; readonly partition?: number },
): Promise<readonly ScanEntry[]> {
  const entries: ScanEntry[] = [];
  let after: ScanCursor | undefined;
  do {
    const page = await store.scan({ ...options, after });
    entries.push(...page.entries);
    after = page.next;
  } while (after !== undefined);
  return entries;
}

/** What the sum over a store is by its definition: that of all its scan shows, but for these records. */
export async function sumOfScan(
  store: Store,
  options: { readonly partition?: number; readonly without?: readonly StoredRecord[] } = {},
): Promise<VersionSum> {
  const { partition, without = [] } = options;
  const left = new Set(without.map((record) => keyText(record.key)));
  const sum = new RunningSum();
  const limit = 1_000;
  for (const { key, token, digest } of await scanAll(
    store,
    partition === undefined ? { limit } : { limit, partition },
  )) {
    const { wallMs, counter } = digest.dot;
    if (!left.has(keyText(key))) sum.add({ token, wallMs, counter, checksum: digest.checksum });
  }
  return sum.value();
}

/** The sum over the whole own space as the store has it. */
export async function wholeSum(store: Store): Promise<VersionSum> {
  const sums = await store.sumRanges([wholeRing], Number.POSITIVE_INFINITY);
  return sums[0] ?? emptySum;
}

export const wholeRing: TokenRange = {
  first: { high: 0, low: 0 },
  last: { high: 0xffff_ffff, low: 0xffff_ffff },
};

/** A key as text that tells any two keys apart. */
export function keyText(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.length).toString('hex');
}

/** `count` different keys of 32 bytes that all have the same token. */
export function collidingKeys(count: number): readonly Uint8Array[] {
  const keys: Uint8Array[] = [];
  for (let index = 0; index < count; index++) {
    const words = [index, 0x5ca1ab1e, 0, index];
    words.push(...blockToZero(stateAfter(words)));
    const key = new Uint8Array(32);
    const view = new DataView(key.buffer);
    for (const [position, word] of words.entries()) view.setUint32(position * 4, word >>> 0, true);
    keys.push(key);
  }
  return keys;
}

/** MurmurHash3's constants of each of the four lanes: two multipliers, two rotations, one addend. */
const lanes = [
  { in: 0x239b961b, out: 0xab0e9789, wordRotation: 15, stateRotation: 19, addend: 0x561ccd1b },
  { in: 0xab0e9789, out: 0x38b34ae5, wordRotation: 16, stateRotation: 17, addend: 0x0bcaa747 },
  { in: 0x38b34ae5, out: 0xa1e38b93, wordRotation: 17, stateRotation: 15, addend: 0x96cd1c35 },
  { in: 0xa1e38b93, out: 0x239b961b, wordRotation: 18, stateRotation: 13, addend: 0x32ac3b17 },
] as const;

/** The hash's state after one block of four words, from the zero state. */
function stateAfter(words: readonly number[]): number[] {
  const state = [0, 0, 0, 0];
  for (const [lane, constants] of lanes.entries()) {
    const mixed = Math.imul(
      rotateLeft(Math.imul(words[lane] ?? 0, constants.in), constants.wordRotation),
      constants.out,
    );
    const turned = rotateLeft((state[lane] ?? 0) ^ mixed, constants.stateRotation);
    state[lane] = (Math.imul(turned + (state[(lane + 1) % 4] ?? 0), 5) + constants.addend) | 0;
  }
  return state;
}

/** The block of four words that leads from `start` to the state of four zeros. */
function blockToZero(start: readonly number[]): number[] {
  const state = [...start];
  return lanes.map((constants, lane) => {
    const turned = Math.imul(-constants.addend, inverseOf(5)) - (state[(lane + 1) % 4] ?? 0);
    const mixed = rotateLeft(turned | 0, 32 - constants.stateRotation) ^ (state[lane] ?? 0);
    state[lane] = 0;
    return Math.imul(
      rotateLeft(Math.imul(mixed, inverseOf(constants.out)), 32 - constants.wordRotation),
      inverseOf(constants.in),
    );
  });
}

/** The inverse of an odd number modulo 2^32, by Newton's iteration: each step doubles the right bits. */
function inverseOf(odd: number): number {
  let inverse = odd;
  for (let step = 0; step < 5; step++) inverse = Math.imul(inverse, 2 - Math.imul(odd, inverse));
  return inverse;
}

function rotateLeft(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}
