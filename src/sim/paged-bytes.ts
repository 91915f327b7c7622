/**
 * A growable byte array in pages: what a simulated file holds.
 *
 * An append touches one page and never copies the file; a hole reads as zeros, as on a real file
 * system. `read` and `write` copy, so no caller ever holds a view into a page.
 */

const pageBytes = 4096;

export class PagedBytes {
  #pages: Uint8Array[] = [];
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Copies from `position` into `target`; returns how many bytes there were. */
  read(target: Uint8Array, position: number): number {
    const end = Math.min(position + target.length, this.#length);
    let at = position;
    while (at < end) {
      const offset = at % pageBytes;
      const count = Math.min(pageBytes - offset, end - at);
      const page = this.#pages[(at - offset) / pageBytes];
      if (page === undefined) target.fill(0, at - position, at - position + count);
      else target.set(page.subarray(offset, offset + count), at - position);
      at += count;
    }
    return Math.max(0, end - position);
  }

  /** Copies `bytes` to `position`, growing as needed. */
  write(bytes: Uint8Array, position: number): void {
    let done = 0;
    while (done < bytes.length) {
      const offset = (position + done) % pageBytes;
      const index = (position + done - offset) / pageBytes;
      const count = Math.min(pageBytes - offset, bytes.length - done);
      this.#page(index).set(bytes.subarray(done, done + count), offset);
      done += count;
    }
    this.#length = Math.max(this.#length, position + bytes.length);
  }

  /** Cuts or extends with zeros. */
  truncate(length: number): void {
    if (length < this.#length) {
      const offset = length % pageBytes;
      const index = (length - offset) / pageBytes;
      this.#pages[index]?.fill(0, offset);
      this.#pages.length = Math.min(this.#pages.length, offset === 0 ? index : index + 1);
    }
    this.#length = length;
  }

  /** All of it, as a copy. */
  toBytes(): Uint8Array {
    const bytes = new Uint8Array(this.#length);
    this.read(bytes, 0);
    return bytes;
  }

  /** Replaces the content by a copy of `other`'s. */
  copyFrom(other: PagedBytes): void {
    this.#length = other.#length;
    this.#pages = other.#pages.map((page) => page.slice());
  }

  #page(index: number): Uint8Array {
    let page = this.#pages[index];
    if (page === undefined) {
      // Array holes would make `map` skip pages, so a sparse write fills the gap with empty ones.
      while (this.#pages.length < index) this.#pages.push(new Uint8Array(pageBytes));
      page = new Uint8Array(pageBytes);
      this.#pages[index] = page;
    }
    return page;
  }
}
