/**
 * CRC-32 (IEEE 802.3, reflected polynomial 0xEDB88320) in plain TypeScript.
 *
 * The same function as `zlib.crc32`, for places without it: a browser, simulations, and the reference in tests.
 * Eight bytes at a time (Kounavis and Berry, "A systematic approach to building high performance software-based
 * CRC generators", 2005), nearly three times as fast as byte by byte.
 */

/**
 * Continues `seed`, the CRC of what came before, over `bytes`, or over those from `start` to before `end`: short ranges are many, and
 * a view of each would cost as much as its checksum. Unsigned 32-bit.
 */
export type Checksum = (bytes: Uint8Array, seed?: number, start?: number, end?: number) => number;

/** Eight tables of 256 words: the n-th is the CRC of a byte with n zero bytes behind it. */
const tables = new Int32Array(8 * 256);
for (let index = 0; index < 256; index++) {
  let remainder = index;
  for (let bit = 0; bit < 8; bit++) {
    remainder = remainder & 1 ? (remainder >>> 1) ^ 0xedb88320 : remainder >>> 1;
  }
  tables[index] = remainder;
}
for (let index = 256; index < tables.length; index++) {
  const before = tables[index - 256] ?? 0;
  tables[index] = (tables[before & 0xff] ?? 0) ^ (before >>> 8);
}

/** The table's word for a byte that `zeros` further bytes follow. */
function word(zeros: number, byte: number): number {
  return tables[(zeros << 8) | (byte & 0xff)] ?? 0;
}

export const crc32: Checksum = (bytes, seed = 0, start = 0, end = bytes.length) => {
  let remainder = ~seed;
  let index = start;
  for (const whole = end - 7; index < whole; index += 8) {
    const low = remainder ^ fourBytes(bytes, index);
    const high = fourBytes(bytes, index + 4);
    remainder =
      word(7, low) ^
      word(6, low >>> 8) ^
      word(5, low >>> 16) ^
      word(4, low >>> 24) ^
      word(3, high) ^
      word(2, high >>> 8) ^
      word(1, high >>> 16) ^
      word(0, high >>> 24);
  }
  for (; index < end; index++) {
    remainder = word(0, remainder ^ (bytes[index] ?? 0)) ^ (remainder >>> 8);
  }
  return ~remainder >>> 0;
};

function fourBytes(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] ?? 0) |
    ((bytes[at + 1] ?? 0) << 8) |
    ((bytes[at + 2] ?? 0) << 16) |
    ((bytes[at + 3] ?? 0) << 24)
  );
}
