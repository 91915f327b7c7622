/**
 * The content of a simulated file, twice: as written (what reads see) and as durable (what a power
 * cut leaves), with the list of writes in between.
 *
 * A sync makes durable exactly the writes that had completed when it was asked for. After a failed
 * sync those writes are forsaken: reads still see them, no later sync makes them durable, which is
 * what page caches do (Rebello et al., "Can Applications Recover from fsync Failures?", 2020).
 * A power cut may leave any subset of the unsynced writes, each torn at any byte, or only the
 * grown length with zeros inside. Each write knows when it was made, so that a checker can tell what a power
 * cut was able to take.
 */

import type { Random } from '../ports/random.ts';
import { PagedBytes } from './paged-bytes.ts';

/**
 * What a crash leaves of what was not synced: `lose` nothing, `tear` a random part, `keep` all of it
 * (only the process died: the operating system still has it, and a later power cut may yet take it).
 */
export type UnsyncedFate = 'lose' | 'tear' | 'keep';

type Change = { readonly atMicros: number } & (
  | { readonly kind: 'write'; readonly position: number; readonly bytes: Uint8Array }
  | { readonly kind: 'truncate'; readonly length: number }
);

/** A write that was handed to the disk and has not completed. */
export interface WriteInFlight {
  readonly chunks: readonly Uint8Array[];
  readonly position: number;
}

export class SimInode {
  readonly kind = 'file';
  readonly written = new PagedBytes();
  readonly durable = new PagedBytes();
  #unsynced: Change[] = [];
  /** How many changes have left the front of `#unsynced`: a sync's mark stays valid while others finish. */
  #settled = 0;
  readonly #inFlight = new Set<WriteInFlight>();
  readonly #nowMicros: () => number;
  /** When the first write was made that a failed sync gave up. */
  #forsakenSinceMicros: number | undefined;

  constructor(nowMicros: () => number = () => 0) {
    this.#nowMicros = nowMicros;
  }

  /** Everything written before this is durable; undefined when all is. */
  get unsyncedSinceMicros(): number | undefined {
    return this.#forsakenSinceMicros ?? this.#unsynced[0]?.atMicros;
  }

  /** Notes a write that a crash may or may not catch. */
  begin(write: WriteInFlight): void {
    this.#inFlight.add(write);
  }

  /** Applies the first `bytesMax` bytes of a write that was begun. */
  complete(write: WriteInFlight, bytesMax = Number.POSITIVE_INFINITY): void {
    if (this.#inFlight.delete(write)) this.#apply(write, bytesMax);
  }

  truncate(length: number): void {
    this.written.truncate(length);
    this.#unsynced.push({ kind: 'truncate', length, atMicros: this.#nowMicros() });
  }

  /** What a sync asked for now will cover. */
  syncMark(): number {
    return this.#settled + this.#unsynced.length;
  }

  /** Makes the changes up to the mark durable. */
  syncTo(mark: number): void {
    for (const change of this.#take(mark)) applyTo(this.durable, change);
  }

  /** A sync failed: the changes up to the mark are readable and will never be durable. */
  forsakeTo(mark: number): void {
    const first = this.#take(mark)[0];
    this.#forsakenSinceMicros ??= first?.atMicros;
  }

  crash(fate: UnsyncedFate, random: Random): void {
    for (const write of this.#inFlight) {
      const length = byteCount(write.chunks);
      if (fate !== 'lose') this.#apply(write, random.below(length + 1));
    }
    this.#inFlight.clear();
    if (fate === 'keep') return;
    if (fate === 'tear') tear(this.durable, this.#unsynced, random);
    this.#unsynced = [];
    this.#forsakenSinceMicros = undefined;
    this.written.copyFrom(this.durable);
  }

  /** A file of its own with what is durable in this one. */
  durableCopy(): SimInode {
    const copy = new SimInode();
    copy.editBoth((content) => content.copyFrom(this.durable));
    return copy;
  }

  /** Runs `edit` on both images: damage and test set-up that no sync has to make durable. */
  editBoth(edit: (content: PagedBytes) => void): void {
    edit(this.written);
    edit(this.durable);
  }

  #apply(write: WriteInFlight, bytesMax: number): void {
    const bytes = concatenate(write.chunks, bytesMax);
    if (bytes.length === 0) return;
    this.written.write(bytes, write.position);
    this.#unsynced.push({ kind: 'write', position: write.position, bytes, atMicros: this.#nowMicros() });
  }

  #take(mark: number): Change[] {
    const count = Math.max(0, mark - this.#settled);
    this.#settled += count;
    return this.#unsynced.splice(0, count);
  }
}

/** Leaves of the changes none, a prefix in order, or any subset, as the dice say. */
function tear(content: PagedBytes, changes: readonly Change[], random: Random): void {
  const manner = random.below(3);
  if (manner === 0) return;
  if (manner === 1) {
    const whole = random.below(changes.length + 1);
    for (const change of changes.slice(0, whole)) applyTo(content, change);
    const last = changes[whole];
    if (last?.kind === 'write') {
      content.write(last.bytes.subarray(0, random.below(last.bytes.length + 1)), last.position);
    }
    return;
  }
  for (const change of changes) tearOne(content, change, random);
}

function tearOne(content: PagedBytes, change: Change, random: Random): void {
  const manner = random.below(4);
  if (manner === 0) return;
  if (manner === 1 || change.kind === 'truncate') return applyTo(content, change);
  const { bytes, position } = change;
  const end = position + bytes.length;
  // The file system may have recorded the new length before the data arrived: the rest reads as zeros.
  if (manner === 2 && content.length < end) content.truncate(end);
  const from = random.below(bytes.length + 1);
  const to = from + random.below(bytes.length - from + 1);
  if (to > from) content.write(bytes.subarray(from, to), position + from);
}

function applyTo(content: PagedBytes, change: Change): void {
  if (change.kind === 'write') content.write(change.bytes, change.position);
  else content.truncate(change.length);
}

/** The first `bytesMax` bytes of the chunks, as a copy. */
function concatenate(chunks: readonly Uint8Array[], bytesMax: number): Uint8Array {
  const bytes = new Uint8Array(Math.min(bytesMax, byteCount(chunks)));
  let at = 0;
  for (const chunk of chunks) {
    const part = chunk.subarray(0, bytes.length - at);
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** The length of the chunks together. */
export function byteCount(chunks: readonly Uint8Array[]): number {
  let count = 0;
  for (const chunk of chunks) count += chunk.length;
  return count;
}
