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

/**
 * The CRC of two pieces behind each other, from the CRC of each and the length of the second; neither is read again.
 * A CRC without its complements is the remainder of a polynomial, and bytes behind it multiply that by a power of x
 * (Mark Adler's `crc32_combine` of zlib).
 */
export function joinChecksums(first: number, second: number, secondBytes: number): number {
  return (shifted(first, secondBytes) ^ second) >>> 0;
}

/** The CRC of the second of two pieces, from the CRC of both behind each other, that of the first, and the length of the second. */
export function checksumOfRest(whole: number, first: number, restBytes: number): number {
  return joinChecksums(first, whole, restBytes);
}

/** The n-th is x to the power of 2^n, modulo the polynomial; the highest bit stands for 1. */
const powers = new Int32Array(32);
for (let index = 0, power = 1 << 30; index < powers.length; index++) {
  powers[index] = power;
  power = product(power, power);
}

/** The product of two polynomials modulo that of the CRC. */
function product(left: number, right: number): number {
  let sum = 0;
  for (let bit = 31; bit >= 0; bit--) {
    if ((left >>> bit) & 1) sum ^= right;
    right = right & 1 ? (right >>> 1) ^ 0xedb88320 : right >>> 1;
  }
  return sum;
}

/** A CRC times x to the power of eight for each of so many bytes. */
function shifted(crc: number, bytes: number): number {
  let result = crc;
  // The third power is x^8, and the powers repeat after 32.
  for (let rest = bytes, index = 3; rest > 0; rest = Math.floor(rest / 2), index++) {
    if (rest % 2 === 1) result = product(powers[index & 31] ?? 0, result);
  }
  return result;
}
