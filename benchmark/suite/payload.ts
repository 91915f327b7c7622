/**
 * Keys and values as text: keys of 16 bytes, as `redis-benchmark` has them, and values of any length that differ by where
 * in one random text they start.
 *
 * The text is letters and digits, so that it needs no escaping in any protocol, and compresses badly.
 */

import { randomBytes } from 'node:crypto';

/** So many different values of one length. */
const saltsMax = 1_024;
/** So many of them in base64, which are kept: 20 MiB at the longest. */
const encodedSaltsMax = 16;
const keyDigits = 12;

/** The text of a key, such as `user000000000042`. */
export function keyText(key: number): string {
  return `user${String(key).padStart(keyDigits, '0')}`;
}

export function drawSalt(): number {
  return Math.floor(Math.random() * saltsMax);
}

export class Payload {
  readonly valueBytes: number;
  readonly #text: string;
  readonly #encoded: string[] = [];

  constructor(valueBytes: number) {
    this.valueBytes = valueBytes;
    const text = randomBytes(valueBytes + saltsMax).toString('base64');
    this.#text = text.replaceAll(/[+/=]/g, 'x');
  }

  /** The value of a salt: the same one for the same salt. */
  value(salt: number): string {
    const offset = salt % saltsMax;
    return this.#text.slice(offset, offset + this.valueBytes);
  }

  /** A value for a protocol that wants base64, of fewer different ones; `decodedSalt` has the salt that it is. */
  encodedValue(salt: number): string {
    const index = encodedSaltOf(salt);
    return (this.#encoded[index] ??= Buffer.from(this.value(index), 'latin1').toString('base64'));
  }
}

/** The salt whose value `encodedValue` gives. */
export function encodedSaltOf(salt: number): number {
  return salt % encodedSaltsMax;
}
