/**
 * Reads many records at once: in the order in which they lie on disk, neighbours together.
 *
 * Records of neighbouring tokens lie anywhere in the log, so each would cost a call of its own. Sorted by
 * place, a disk moves in one direction, and where a whole page lies together (after a bulk load or an
 * earlier transfer in token order) a few large reads bring it.
 */

import { errorCodeOf } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { StoredRecord } from '../core/record.ts';
import type { Token } from '../core/token.ts';
import type { Clock } from '../ports/clock.ts';
import type { EntryPlace, EntryReader } from './entry-reader.ts';
import type { KeySpace } from './key-space.ts';
import type { LogReader } from './log-reader.ts';
import { nextTurn } from './next-turn.ts';
import { isLater } from './segment.ts';

/** An entry, and the token under which the index has it. */
export interface PlacedToken {
  readonly token: Token;
  readonly place: EntryPlace;
}

/** A number in the list of what was asked for, and where it lies. */
interface Wanted extends PlacedToken {
  readonly number: number;
}

export class PlaceReader {
  readonly #entries: EntryReader;
  readonly #reader: LogReader;
  readonly #clock: Clock;

  constructor(options: { readonly entries: EntryReader; readonly reader: LogReader; readonly clock: Clock }) {
    this.#entries = options.entries;
    this.#reader = options.reader;
    this.#clock = options.clock;
  }

  /** The verified records at these places, in the order given; what is unreadable is left out, and marked. */
  async read(space: KeySpace, places: readonly PlacedToken[]): Promise<readonly StoredRecord[]> {
    return (await this.readEach(space, places)).filter((record) => record !== undefined);
  }

  /** The same with undefined in the place of what is unreadable. */
  async readEach(
    space: KeySpace,
    places: readonly PlacedToken[],
  ): Promise<readonly (StoredRecord | undefined)[]> {
    const records: (StoredRecord | undefined)[] = Array.from(places, () => undefined);
    for (const { place } of places) place.segment.pin();
    try {
      let readInTurn = 0;
      for (const run of runsOf(places)) {
        if (readInTurn >= limits.treeRecordsPerTurn) {
          await nextTurn(this.#clock);
          readInTurn = 0;
        }
        readInTurn += run.length;
        await this.#readRun(space, run, records);
      }
    } finally {
      for (const { place } of places) place.segment.release();
    }
    return records;
  }

  async #readRun(
    space: KeySpace,
    run: readonly Wanted[],
    records: (StoredRecord | undefined)[],
  ): Promise<void> {
    const bytes = run.length > 1 ? readTogether(run) : undefined;
    const start = run[0]?.place.offset ?? 0;
    for (const { number, token, place } of run) {
      const from = place.offset - start;
      const entry = bytes?.subarray(from, from + place.length);
      const record = entry === undefined ? undefined : this.#entries.recordIn(entry, space.nameBytes.length);
      records[number] = record ?? (await this.#readOne(space, token, place));
    }
  }

  async #readOne(space: KeySpace, token: Token, place: EntryPlace): Promise<StoredRecord | undefined> {
    try {
      return await this.#reader.recordAt(space, token, place);
    } catch (error) {
      const code = errorCodeOf(error);
      if (code === 'RECORD_CORRUPT' || code === 'DISK_READ_FAILED') return undefined;
      throw error;
    }
  }
}

/** All bytes from the first entry of a run to its last, or undefined when the disk does not hand them out. */
function readTogether(run: readonly Wanted[]): Uint8Array | undefined {
  const first = run[0];
  const last = run.at(-1);
  if (first === undefined || last === undefined) return undefined;
  const { segment, offset } = first.place;
  const bytes = new Uint8Array(last.place.offset + last.place.length - offset);
  try {
    return segment.file.readSync(bytes, offset) === bytes.length ? bytes : undefined;
  } catch {
    // Read one by one, each says for itself whether it can be read.
    return undefined;
  }
}

/** In the order of the log, entries that are near enough to each other to be read with one call. */
function* runsOf(places: readonly PlacedToken[]): Generator<readonly Wanted[]> {
  const sorted = places
    .map((placed, number) => ({ ...placed, number }))
    .sort((left, right) => (isLater(left.place, right.place) ? 1 : -1));
  let run: Wanted[] = [];
  for (const wanted of sorted) {
    const first = run[0]?.place;
    const previous = run.at(-1)?.place;
    const { segment, offset, length } = wanted.place;
    const belongs =
      first !== undefined &&
      previous !== undefined &&
      segment === previous.segment &&
      offset - (previous.offset + previous.length) <= limits.readGapBytesMax &&
      offset + length - first.offset <= limits.synchronousReadBytesMax;
    if (!belongs && run.length > 0) {
      yield run;
      run = [];
    }
    run.push(wanted);
  }
  if (run.length > 0) yield run;
}
