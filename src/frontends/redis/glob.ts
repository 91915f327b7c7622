/**
 * The patterns of `SCAN` and `KEYS`: `*`, `?`, `[abc]`, `[^a-z]` and `\` before a character that means itself.
 *
 * Over bytes, since keys are bytes. Only the last star is ever gone back to, so that no pattern takes longer than
 * its length times that of the key.
 */

const star = 0x2a;
const question = 0x3f;
const bracket = 0x5b;
const closingBracket = 0x5d;
const caret = 0x5e;
const dash = 0x2d;
const backslash = 0x5c;

/** Whether a key matches a pattern. */
export function matchesGlob(pattern: Uint8Array, key: Uint8Array): boolean {
  let at = 0;
  let keyAt = 0;
  let afterStar = -1;
  let starKeyAt = 0;
  while (keyAt < key.length) {
    if (pattern[at] === star) {
      afterStar = ++at;
      starKeyAt = keyAt;
      continue;
    }
    const next = matchOne(pattern, at, key[keyAt] ?? 0);
    if (next >= 0) {
      at = next;
      keyAt++;
    } else if (afterStar >= 0) {
      // The star takes one byte more.
      at = afterStar;
      keyAt = ++starKeyAt;
    } else {
      return false;
    }
  }
  while (pattern[at] === star) at++;
  return at >= pattern.length;
}

/** Where the pattern goes on behind what matches the byte; negative when it does not. */
function matchOne(pattern: Uint8Array, at: number, byte: number): number {
  const wanted = pattern[at];
  if (wanted === undefined) return -1;
  if (wanted === question) return at + 1;
  if (wanted === bracket) return matchClass(pattern, at + 1, byte);
  if (wanted === backslash && at + 1 < pattern.length) return pattern[at + 1] === byte ? at + 2 : -1;
  return wanted === byte ? at + 1 : -1;
}

/** A class that is not closed ends with the pattern, as in Redis. */
function matchClass(pattern: Uint8Array, start: number, byte: number): number {
  let at = start;
  const negated = pattern[at] === caret;
  if (negated) at++;
  let found = false;
  for (; at < pattern.length && pattern[at] !== closingBracket; at++) {
    if (pattern[at] === backslash && at + 1 < pattern.length) at++;
    const low = pattern[at] ?? 0;
    let high = low;
    if (pattern[at + 1] === dash && at + 2 < pattern.length && pattern[at + 2] !== closingBracket) {
      high = pattern[at + 2] ?? 0;
      at += 2;
    }
    if (byte >= Math.min(low, high) && byte <= Math.max(low, high)) found = true;
  }
  return found === negated ? -1 : Math.min(at + 1, pattern.length);
}
