/**
 * The end of the log in memory: a copy of the bytes that were written last.
 *
 * What was written a moment ago is often what is read next, and a call to the system for each short record costs about as much as
 * all else that the read does in the store. One ring serves all segments, and keeping it costs one copy of each batch. Long
 * batches are left out: they would push out thousands of short entries, and one call more is little beside a long value.
 *
 * It is for reads of one key only. Whoever judges what the disk holds (a scrub, a compaction, a read of what was
 * unreadable once) asks the disk.
 */

import { limits } from '../core/limits.ts';
import type { Segment } from './segment.ts';

/** The ring begins with so much and doubles: most test stores, and idle nodes, never need all of it. */
const firstBytes = 64 * 1024;

export class LogTail {
  readonly #capacity: number;
  #ring = new Uint8Array(0);
  /** Bytes that were kept so far: those before the last `#capacity` are gone. */
  #end = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Keeps what was just written to a segment at `position`: all of `chunks`, one behind the other. */
  keep(segment: Segment, position: number, chunks: readonly Uint8Array[]): void {
    let bytes = 0;
    for (const chunk of chunks) bytes += chunk.length;
    if (bytes > Math.min(this.#capacity, limits.batchBytesMax)) return;
    const base = this.#end - position;
    if (segment.tailTo !== position || segment.tailBase !== base) {
      segment.tailBase = base;
      segment.tailFrom = position;
    }
    segment.tailTo = position + bytes;
    this.#grow(this.#end + bytes);
    for (const chunk of chunks) this.#append(chunk);
  }

  /** Fills `target` with a segment's bytes from `offset` on; false, and nothing is done, when not all of them are here. */
  read(segment: Segment, offset: number, target: Uint8Array): boolean {
    const start = segment.tailBase + offset;
    if (offset < segment.tailFrom || offset + target.length > segment.tailTo) return false;
    if (start < this.#end - this.#capacity) return false;
    const ring = this.#ring;
    const at = start % this.#capacity;
    const room = Math.min(target.length, this.#capacity - at);
    // Short as they are, views of the two pieces would cost more than their bytes.
    for (let index = 0; index < room; index++) target[index] = ring[at + index] ?? 0;
    for (let index = room; index < target.length; index++) target[index] = ring[index - room] ?? 0;
    return true;
  }

  #append(chunk: Uint8Array): void {
    const at = this.#end % this.#capacity;
    const room = this.#capacity - at;
    if (chunk.length <= room) {
      this.#ring.set(chunk, at);
    } else {
      this.#ring.set(chunk.subarray(0, room), at);
      this.#ring.set(chunk.subarray(room), 0);
    }
    this.#end += chunk.length;
  }

  /** While nothing has been overwritten the ring is shorter than it may get, and all of it lies at its start. */
  #grow(bytes: number): void {
    const length = this.#ring.length;
    if (bytes <= length || length === this.#capacity) return;
    const grown = new Uint8Array(Math.min(this.#capacity, Math.max(bytes, 2 * length, firstBytes)));
    grown.set(this.#ring);
    this.#ring = grown;
  }
}
