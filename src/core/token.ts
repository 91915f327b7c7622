/**
 * Token = 64-bit hash of a key, as two unsigned 32-bit halves.
 *
 * MurmurHash3 (Austin Appleby, public domain), the x86 128-bit variant's first 64 bits: it mixes
 * with 32-bit multiplications only, so plain numbers suffice. BigInt appears only at the API's edge.
 * Sequential keys spread evenly, unlike with FNV. Not a cryptographic hash: equal tokens are not
 * equal keys, and whoever looks a key up by its token compares the key itself.
 */

export interface Token {
  /** Upper 32 bits: their top bits are the partition. */
  readonly high: number;
  readonly low: number;
}

/** The tokens from `first` to `last`, both included. */
export interface TokenRange {
  readonly first: Token;
  readonly last: Token;
}

const c1 = 0x239b961b;
const c2 = 0xab0e9789;
const c3 = 0x38b34ae5;
const c4 = 0xa1e38b93;

function rotateLeft(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}

function finalMix(value: number): number {
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return value ^ (value >>> 16);
}

function word(key: Uint8Array, offset: number): number {
  return (
    (key[offset] ?? 0) |
    ((key[offset + 1] ?? 0) << 8) |
    ((key[offset + 2] ?? 0) << 16) |
    ((key[offset + 3] ?? 0) << 24)
  );
}

/** The token of a key of any bytes. */
export function tokenOf(key: Uint8Array): Token {
  let h1 = 0;
  let h2 = 0;
  let h3 = 0;
  let h4 = 0;
  const length = key.length;
  const bodyEnd = length & ~15;
  for (let offset = 0; offset < bodyEnd; offset += 16) {
    h1 ^= Math.imul(rotateLeft(Math.imul(word(key, offset), c1), 15), c2);
    h1 = (Math.imul(rotateLeft(h1, 19) + h2, 5) + 0x561ccd1b) | 0;
    h2 ^= Math.imul(rotateLeft(Math.imul(word(key, offset + 4), c2), 16), c3);
    h2 = (Math.imul(rotateLeft(h2, 17) + h3, 5) + 0x0bcaa747) | 0;
    h3 ^= Math.imul(rotateLeft(Math.imul(word(key, offset + 8), c3), 17), c4);
    h3 = (Math.imul(rotateLeft(h3, 15) + h4, 5) + 0x96cd1c35) | 0;
    h4 ^= Math.imul(rotateLeft(Math.imul(word(key, offset + 12), c4), 18), c1);
    h4 = (Math.imul(rotateLeft(h4, 13) + h1, 5) + 0x32ac3b17) | 0;
  }
  // The tail words read past the end as zero, and a zero word mixes to zero: no cases needed.
  const rest = length - bodyEnd;
  if (rest > 12) h4 ^= Math.imul(rotateLeft(Math.imul(word(key, bodyEnd + 12), c4), 18), c1);
  if (rest > 8) h3 ^= Math.imul(rotateLeft(Math.imul(word(key, bodyEnd + 8), c3), 17), c4);
  if (rest > 4) h2 ^= Math.imul(rotateLeft(Math.imul(word(key, bodyEnd + 4), c2), 16), c3);
  if (rest > 0) h1 ^= Math.imul(rotateLeft(Math.imul(word(key, bodyEnd), c1), 15), c2);
  h1 ^= length;
  h2 ^= length;
  h3 ^= length;
  h4 ^= length;
  h1 = (h1 + h2 + h3 + h4) | 0;
  h2 = (h2 + h1) | 0;
  h3 = (h3 + h1) | 0;
  h4 = (h4 + h1) | 0;
  h1 = finalMix(h1);
  h2 = finalMix(h2);
  h3 = finalMix(h3);
  h4 = finalMix(h4);
  h1 = (h1 + h2 + h3 + h4) | 0;
  h2 = (h2 + h1) | 0;
  return { high: h1 >>> 0, low: h2 >>> 0 };
}

/** Negative, zero or positive in ring order. */
export function compareTokens(left: Token, right: Token): number {
  return left.high - right.high || left.low - right.low;
}

/** A token as operators see it: 16 hexadecimal digits. */
export function textOfToken({ high, low }: Token): string {
  return high.toString(16).padStart(8, '0') + low.toString(16).padStart(8, '0');
}

/** The partition of a token among `partitions`, a power of two of at most 2^16. */
export function partitionOf(token: Token, partitions: number): number {
  return partitions === 1 ? 0 : token.high >>> (Math.clz32(partitions) + 1);
}

/** The token that follows in ring order, or undefined after the last one. */
export function tokenAfter(token: Token): Token | undefined {
  if (token.low < 0xffff_ffff) return { high: token.high, low: token.low + 1 };
  return token.high < 0xffff_ffff ? { high: token.high + 1, low: 0 } : undefined;
}

/** Whether a token lies in a range. */
export function isInRange(token: Token, range: TokenRange): boolean {
  return compareTokens(token, range.first) >= 0 && compareTokens(token, range.last) <= 0;
}
