/**
 * Where the entries lie that the index points to, for segments of which little is needed: one walk through the index costs
 * much less than looking up every entry of theirs.
 */

import { limits } from '../core/limits.ts';
import type { Token } from '../core/token.ts';
import type { Clock } from '../ports/clock.ts';
import type { LogIndex } from './log-index.ts';
import { nextTurn } from './next-turn.ts';
import type { PartitionIndex } from './partition-index.ts';
import type { Segment } from './segment.ts';
import type { WorkShare } from './work-share.ts';

/**
 * The offsets of what is alive in each of these segments, in ascending order; an offset may be there twice. The segments are
 * sealed: nothing becomes alive in them during the walk, and what dies may or may not be there.
 */
export async function liveOffsets(
  index: LogIndex,
  segments: readonly Segment[],
  { share, clock }: { readonly share: WorkShare; readonly clock: Pick<Clock, 'nextTurn'> },
): Promise<ReadonlyMap<Segment, Uint32Array>> {
  const found = new FoundOffsets(segments);
  if (segments.length === 0) return found.sorted();
  for (const space of index.spaces()) {
    for (const table of space.tables) {
      // Slots move whenever keys come and go, so the walk goes on from a token.
      let from: Token | undefined = { high: 0, low: 0 };
      while (from !== undefined) {
        const start: Token = from;
        await share.slice(() => {
          from = found.look(table, start);
        });
        if (found.seenThisTurn < limits.compactionSlotsSeenPerTurn) continue;
        found.seenThisTurn = 0;
        await nextTurn(clock);
      }
    }
  }
  return found.sorted();
}

class FoundOffsets {
  /** Slots looked at since the last turn of the event loop. */
  seenThisTurn = 0;
  readonly #segments: readonly Segment[];
  /** By ordinal. */
  readonly #offsets: (OffsetList | undefined)[] = [];

  constructor(segments: readonly Segment[]) {
    this.#segments = segments;
    for (const segment of segments) this.#offsets[segment.ordinal] = new OffsetList();
  }

  /** Looks at the next slots from a token on; returns where to go on, if anywhere. */
  look(table: PartitionIndex, from: Token): Token | undefined {
    let slot = table.seek(from);
    for (; slot >= 0; slot = table.slotAfter(slot)) {
      // Never at the token it began with, or as many keys of one token as that would have it go on for ever.
      if (this.seenThisTurn >= limits.compactionSlotsSeenPerTurn && !table.isTokenAt(slot, from)) break;
      this.seenThisTurn++;
      this.#offsets[table.segmentAt(slot)]?.add(table.offsetAt(slot));
    }
    return slot < 0 ? undefined : { high: table.tokenHighAt(slot), low: table.tokenLowAt(slot) };
  }

  sorted(): ReadonlyMap<Segment, Uint32Array> {
    const sorted = new Map<Segment, Uint32Array>();
    for (const segment of this.#segments) {
      const offsets = this.#offsets[segment.ordinal];
      if (offsets !== undefined) sorted.set(segment, offsets.sorted());
    }
    return sorted;
  }
}

class OffsetList {
  #words = new Uint32Array(1_024);
  #count = 0;

  add(offset: number): void {
    if (this.#count === this.#words.length) {
      const grown = new Uint32Array(this.#words.length * 2);
      grown.set(this.#words);
      this.#words = grown;
    }
    this.#words[this.#count++] = offset;
  }

  sorted(): Uint32Array {
    return this.#words.subarray(0, this.#count).sort();
  }
}
