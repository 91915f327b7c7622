/**
 * A simulated folder: its entries as processes see them and as a power cut leaves them.
 *
 * An entry that was created, renamed, linked or removed is durable after a sync of its folder, and
 * may be lost, or kept, before. A rename within one folder is atomic; one between two folders is two
 * changes, each durable with its own folder, because POSIX promises no more.
 */

import type { Random } from '../ports/random.ts';
import type { SimInode, UnsyncedFate } from './sim-inode.ts';

export type SimEntry = SimInode | SimDirectory;

/** One atomic change of the entries. */
interface EntryChange {
  readonly unset?: string;
  readonly set?: { readonly name: string; readonly entry: SimEntry };
}

export class SimDirectory {
  readonly kind = 'directory';
  #entries = new Map<string, SimEntry>();
  readonly #durable = new Map<string, SimEntry>();
  #unsynced: EntryChange[] = [];
  /** How many changes have left the front of `#unsynced`, so that a sync's mark stays valid. */
  #settled = 0;

  get(name: string): SimEntry | undefined {
    return this.#entries.get(name);
  }

  entries(): IterableIterator<[string, SimEntry]> {
    return this.#entries.entries();
  }

  get size(): number {
    return this.#entries.size;
  }

  set(name: string, entry: SimEntry): void {
    this.#change({ set: { name, entry } });
  }

  unset(name: string): void {
    if (this.#entries.has(name)) this.#change({ unset: name });
  }

  /** Renames within this folder, atomically. */
  move(from: string, to: string, entry: SimEntry): void {
    this.#change({ unset: from, set: { name: to, entry } });
  }

  /** What a sync asked for now will cover. */
  syncMark(): number {
    return this.#settled + this.#unsynced.length;
  }

  /** Makes the changes up to the mark durable. */
  syncTo(mark: number): void {
    for (const change of this.#take(mark)) applyTo(this.#durable, change);
  }

  /** A folder of its own with what is durable in and below this one; `copied` keeps the names of one file together. */
  durableCopy(copied: Map<SimEntry, SimEntry>): SimDirectory {
    const copy = new SimDirectory();
    for (const [name, entry] of this.#durable) {
      const made =
        copied.get(entry) ?? (entry.kind === 'file' ? entry.durableCopy() : entry.durableCopy(copied));
      copied.set(entry, made);
      copy.set(name, made);
    }
    copy.syncTo(copy.syncMark());
    return copy;
  }

  /** What is left of this folder and all below it; `visited` keeps files with two names from crashing twice. */
  crash(fate: UnsyncedFate, random: Random, visited: Set<SimEntry>): void {
    if (fate !== 'keep') {
      if (fate === 'tear') this.#tear(random);
      this.#unsynced = [];
      this.#entries = new Map(this.#durable);
    }
    for (const entry of this.#entries.values()) {
      if (visited.has(entry)) continue;
      visited.add(entry);
      if (entry.kind === 'file') entry.crash(fate, random);
      else entry.crash(fate, random, visited);
    }
  }

  #take(mark: number): EntryChange[] {
    const count = Math.max(0, mark - this.#settled);
    this.#settled += count;
    return this.#unsynced.splice(0, count);
  }

  #change(change: EntryChange): void {
    applyTo(this.#entries, change);
    this.#unsynced.push(change);
  }

  #tear(random: Random): void {
    const manner = random.below(3);
    if (manner === 0) return;
    const prefix = random.below(this.#unsynced.length + 1);
    this.#unsynced.forEach((change, index) => {
      const kept = manner === 1 ? index < prefix : random.below(2) === 0;
      if (kept) applyTo(this.#durable, change);
    });
  }
}

function applyTo(entries: Map<string, SimEntry>, change: EntryChange): void {
  if (change.unset !== undefined) entries.delete(change.unset);
  if (change.set !== undefined) entries.set(change.set.name, change.set.entry);
}
