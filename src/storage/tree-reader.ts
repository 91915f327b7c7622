/**
 * What anti-entropy asks of the log engine: sums, versions and records of token ranges.
 *
 * The index is in token order and a slot holds all of a version that owners compare, so sums and lists
 * are walks over slots, and nothing is read from disk for them. Slots move when others are written, so a
 * walk that gives way to the event loop goes on at a token, never at a slot.
 */

import { limits } from '../core/limits.ts';
import type { StoredRecord } from '../core/record.ts';
import { treeRange, treeRoot } from '../core/hash-tree.ts';
import { compareTokens, partitionOf, type Token, type TokenRange } from '../core/token.ts';
import { RunningSum, type VersionSum } from '../core/version-sum.ts';
import type { Clock } from '../ports/clock.ts';
import { entryHeaderBytes } from './segment-format.ts';
import type { LogIndex } from './log-index.ts';
import { nextTurn } from './next-turn.ts';
import type { PartitionIndex } from './partition-index.ts';
import type { PlacedToken, PlaceReader } from './place-reader.ts';
import type { DamagedVersion, ListedVersion, RecordPage, VersionPage } from './store.ts';

/** Told of the slots of a walk, one token's all in one turn; returns false to end before the next token. */
type VisitToken = (table: PartitionIndex, first: number, token: Token) => boolean;

export class TreeReader {
  readonly #index: LogIndex;
  readonly #places: PlaceReader;
  readonly #clock: Clock;

  constructor(options: { readonly index: LogIndex; readonly places: PlaceReader; readonly clock: Clock }) {
    this.#index = options.index;
    this.#places = options.places;
    this.#clock = options.clock;
  }

  async sumRanges(ranges: readonly TokenRange[], upToMs: number): Promise<readonly VersionSum[]> {
    const sums: VersionSum[] = [];
    const budget = { slots: limits.treeSlotsPerTurn };
    for (const range of ranges) {
      const known = this.#knownSum(range, upToMs);
      if (known !== undefined) {
        sums.push(known);
        continue;
      }
      const sum = new RunningSum();
      for (const { table, first } of this.#tablesOf(range)) {
        let slot = first;
        while (slot >= 0) {
          slot = table.addRangeTo(sum, slot, { last: range.last, upToMs, budget });
          if (slot < 0) break;
          const token = { high: table.tokenHighAt(slot), low: table.tokenLowAt(slot) };
          await nextTurn(this.#clock);
          budget.slots = limits.treeSlotsPerTurn;
          slot = table.seek(token);
        }
      }
      sums.push(sum.value());
    }
    return sums;
  }

  listVersions(range: TokenRange, limit: number): VersionPage {
    const most = Math.max(1, Math.min(limit, limits.treeVersionsMax));
    const versions: ListedVersion[] = [];
    const next = this.#walk(range, (table, first, token) => {
      const ofToken: ListedVersion[] = [];
      for (let slot = first; slot >= 0; slot = table.findNext(slot)) {
        if (!table.isDamagedAt(slot)) ofToken.push(versionAt(table, slot, token));
      }
      if (versions.length > 0 && versions.length + ofToken.length > most) return false;
      versions.push(...ofToken);
      return true;
    });
    return { versions, next };
  }

  listDamaged(range: TokenRange, limit: number): DamagedVersion[] {
    const found: DamagedVersion[] = [];
    const { recoveries } = this.#index;
    for (const { table, first } of this.#tablesOf(range)) {
      if (table.damaged === 0) continue;
      for (let slot = first; slot >= 0 && found.length < limit; slot = table.slotAfter(slot)) {
        const token = { high: table.tokenHighAt(slot), low: table.tokenLowAt(slot) };
        if (compareTokens(token, range.last) > 0) break;
        if (table.isDamagedAt(slot)) found.push({ ...versionAt(table, slot, token), recoveries });
      }
    }
    return found;
  }

  async readRange(range: TokenRange, bytesMax: number): Promise<RecordPage> {
    const found: PlacedToken[] = [];
    let bytes = 0;
    const next = this.#walk(range, (table, first, token) => {
      const taken = this.#take(found, table, first, { token, room: bytesMax - bytes });
      bytes += taken ?? 0;
      return taken !== undefined;
    });
    return { records: await this.#places.read(this.#index.own, found), next };
  }

  async readTokens(
    tokens: readonly Token[],
    bytesMax: number,
  ): Promise<{ readonly records: readonly StoredRecord[]; readonly rest: readonly Token[] }> {
    const found: PlacedToken[] = [];
    let bytes = 0;
    let reached = 0;
    for (const token of tokens) {
      const table = this.#index.own.table(token);
      const taken = this.#take(found, table, table.find(token), { token, room: bytesMax - bytes });
      if (taken === undefined) break;
      bytes += taken;
      reached++;
    }
    return { records: await this.#places.read(this.#index.own, found), rest: tokens.slice(reached) };
  }

  /** The sum that is kept of a whole partition, if nothing in it is newer than what is asked for. */
  #knownSum(range: TokenRange, upToMs: number): VersionSum | undefined {
    const { tables } = this.#index.own;
    const partition = partitionOf(range.first, tables.length);
    const table = tables[partition];
    if (table === undefined || table.newestMs > upToMs) return undefined;
    const { first, last } = treeRange(treeRoot(partition), tables.length);
    const isWhole = compareTokens(first, range.first) === 0 && compareTokens(last, range.last) === 0;
    return isWhole ? table.sum : undefined;
  }

  /** Adds the places of one token; returns their bytes, or undefined when there is no room for them. */
  #take(
    found: PlacedToken[],
    table: PartitionIndex,
    first: number,
    options: { readonly token: Token; readonly room: number },
  ): number | undefined {
    const { token, room } = options;
    const ofToken: PlacedToken[] = [];
    let bytes = 0;
    for (let slot = first; slot >= 0; slot = table.findNext(slot)) {
      // What is damaged is tried again: a disk may have refused it for a moment only.
      const place = this.#index.placeOf(table, slot);
      ofToken.push({ token, place });
      bytes += place.length - entryHeaderBytes;
    }
    const isFull = bytes > room || found.length + ofToken.length > limits.treeRecordsMax;
    if (found.length > 0 && isFull) return undefined;
    found.push(...ofToken);
    return bytes;
  }

  /** Visits the tokens held in a range; returns the one at which the visitor wanted no more. */
  #walk(range: TokenRange, visit: VisitToken): Token | undefined {
    const { last } = range;
    for (const { table, first } of this.#tablesOf(range)) {
      let slot = first;
      while (slot >= 0) {
        const high = table.tokenHighAt(slot);
        const low = table.tokenLowAt(slot);
        if (high > last.high || (high === last.high && low > last.low)) return undefined;
        if (!visit(table, slot, { high, low })) return { high, low };
        slot = behindToken(table, slot);
      }
    }
    return undefined;
  }

  /** The tables that a range covers, each with the first slot that may lie in it. */
  *#tablesOf(range: TokenRange): Generator<{ readonly table: PartitionIndex; readonly first: number }> {
    const { tables } = this.#index.own;
    const firstPartition = partitionOf(range.first, tables.length);
    const lastPartition = partitionOf(range.last, tables.length);
    for (let partition = firstPartition; partition <= lastPartition; partition++) {
      const table = tables[partition];
      if (table === undefined) return;
      // A table looks tokens up by their bits below the partition's, so it can seek its own only.
      yield { table, first: partition === firstPartition ? table.seek(range.first) : table.firstSlot() };
    }
  }
}

/** The first slot of the next token, or -1. */
function behindToken(table: PartitionIndex, first: number): number {
  let last = first;
  for (let slot = first; slot >= 0; slot = table.findNext(slot)) last = slot;
  return table.slotAfter(last);
}

function versionAt(table: PartitionIndex, slot: number, token: Token): ListedVersion {
  return {
    token,
    wallMs: table.wallMsAt(slot),
    counter: table.counterAt(slot),
    checksum: table.checksumAt(slot),
    tombstone: table.isTombstoneAt(slot),
    expires: table.expiresAt(slot),
  };
}
