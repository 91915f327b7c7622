/**
 * A rolling hash over all that happens in a run: events, messages, disk operations.
 *
 * Two runs of one seed must end with the same hash; where they do not, something outside of the
 * simulation (a real clock, an iteration order, a thread) has leaked in. Not cryptographic.
 */

export class TraceHash {
  #high = 0x811c9dc5 | 0;
  #low = 0x01000193 | 0;

  /** Mixes in one integer. */
  add(value: number): void {
    this.#low = Math.imul(this.#low ^ value, 0x9e3779b1);
    this.#high = (Math.imul(this.#high, 0x85ebca77) ^ (this.#low >>> 15)) | 0;
  }

  addText(text: string): void {
    for (let index = 0; index < text.length; index++) this.add(text.charCodeAt(index));
    this.add(text.length);
  }

  addBytes(bytes: Uint8Array): void {
    let low = this.#low;
    for (let index = 0; index < bytes.length; index++) {
      low = Math.imul(low ^ (bytes[index] ?? 0), 0x01000193);
    }
    this.#low = low;
    this.add(bytes.length);
  }

  /** 16 hexadecimal digits. */
  toString(): string {
    return hex(this.#high) + hex(this.#low);
  }
}

function hex(word: number): string {
  return (word >>> 0).toString(16).padStart(8, '0');
}
