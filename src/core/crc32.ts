/**
 * CRC-32 (IEEE 802.3, reflected polynomial 0xEDB88320) in plain TypeScript.
 *
 * The same function as `zlib.crc32`, for places without it: a browser, and the reference in tests.
 */

/** Continues `seed`, the CRC of what came before, over `bytes`. Unsigned 32-bit. */
export type Checksum = (bytes: Uint8Array, seed?: number) => number;

const table = new Int32Array(256);
for (let index = 0; index < 256; index++) {
  let remainder = index;
  for (let bit = 0; bit < 8; bit++) {
    remainder = remainder & 1 ? (remainder >>> 1) ^ 0xedb88320 : remainder >>> 1;
  }
  table[index] = remainder;
}

export const crc32: Checksum = (bytes, seed = 0) => {
  let remainder = ~seed;
  for (let index = 0; index < bytes.length; index++) {
    remainder = (table[(remainder ^ (bytes[index] ?? 0)) & 0xff] ?? 0) ^ (remainder >>> 8);
  }
  return ~remainder >>> 0;
};
