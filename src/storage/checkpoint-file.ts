/**
 * A checkpoint: the index as it was, so that a start replays only the log's tail.
 *
 * `snapshot/<number>.ckpt`: sections as in section-file.ts, their records as in
 * checkpoint-records.ts, kinds in this order: 1 head · 2 table parts · 3 actors · 4 segments · 5 tail.
 *
 * The checkpoint is fuzzy: tables are dumped one after the other while writes go on, so they hold
 * everything before the head's position and some of what follows; replaying from the position is merging
 * and does no harm. Actors and segments come last, so that every ordinal in a slot is covered. A
 * checkpoint only accelerates: whatever is odd about one, the index is rebuilt from the log instead.
 */

import type { Checksum } from '../core/crc32.ts';
import { StoreError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { Disk } from '../ports/disk.ts';
import { ByteCursor } from './byte-cursor.ts';
import {
  decodeActor,
  decodeHead,
  decodePart,
  decodeSegment,
  decodeTail,
  encodeActor,
  encodeHead,
  encodeSegment,
  encodeTail,
  partOverheadBytes,
  slotBytes,
  writePart,
  type CheckpointHead,
  type CheckpointSegment,
  type CheckpointTable,
  type CheckpointTail,
  type TablePart,
} from './checkpoint-records.ts';
import { slotWords } from './index-slot.ts';
import { publishFile } from './publish-file.ts';
import { readSections, SectionWriter } from './section-file.ts';

export const snapshotDirectory = 'snapshot';

export interface Checkpoint extends CheckpointHead, CheckpointTail {
  /** Length of the file. */
  readonly bytes: number;
}

export type CheckpointLoad =
  | { readonly kind: 'loaded'; readonly checkpoint: Checkpoint }
  | { readonly kind: 'rejected'; readonly reason: string };

type TableVisitor = (table: CheckpointTable) => void | Promise<void>;

const format = { magic: 0x4d44434b, format: 2 };
const headKind = 1;
const partKind = 2;
const actorKind = 3;
const segmentKind = 4;
const tailKind = 5;

export function checkpointPath(number: number): string {
  return `${snapshotDirectory}/${String(number).padStart(8, '0')}.ckpt`;
}

/** The number in a file name (without folder); undefined when it is not that of a checkpoint. */
export function parseCheckpointName(name: string): number | undefined {
  const match = /^(\d{8,10})\.ckpt$/.exec(name);
  if (match === null) return undefined;
  const number = Number(match[1]);
  return number <= 0xffff_ffff && checkpointPath(number) === `${snapshotDirectory}/${name}`
    ? number
    : undefined;
}

/**
 * Writes a checkpoint and puts it in its place, durable when it resolves to the file's length. `tables`
 * is drawn from one at a time, with writes in between; empty ones may be left out. `finish` is called
 * after the last: what it resolves to must cover every ordinal in the tables, and by then the log
 * must be durable as far as they reach. The folder must exist. Rejects with the disk's error.
 */
export async function writeCheckpoint(
  disk: Disk,
  options: {
    readonly checksum: Checksum;
    readonly head: CheckpointHead;
    readonly tables: AsyncIterable<CheckpointTable>;
    readonly finish: () => Promise<CheckpointTail>;
  },
): Promise<number> {
  let bytes = 0;
  await publishFile(disk, checkpointPath(options.head.number), async (file) => {
    const writer = new SectionWriter({ file, checksum: options.checksum, format });
    writer.append(headKind, encodeHead(options.head));
    let slots = 0;
    for await (const table of options.tables) {
      await writeTable(writer, table);
      slots += table.words.length / slotWords;
    }
    const { actors, segments, evidenceLost } = await options.finish();
    for (const actor of actors) writer.append(actorKind, encodeActor(actor));
    for (const segment of segments) writer.append(segmentKind, encodeSegment(segment));
    const counts = { slots, actors: actors.length, segments: segments.length, evidenceLost };
    writer.append(tailKind, encodeTail(counts));
    bytes = await writer.finish();
  });
  return bytes;
}

/**
 * Loads a checkpoint, handing each table to `visit` as it comes; `visit` may keep its words, and may
 * reject the checkpoint by throwing a `StoreError`. Never throws for what is in the file or for
 * what the disk cannot read: after a rejection everything visited must be thrown away.
 */
export async function loadCheckpoint(
  disk: Disk,
  options: { readonly number: number; readonly checksum: Checksum; readonly visit: TableVisitor },
): Promise<CheckpointLoad> {
  const path = checkpointPath(options.number);
  const reader = new CheckpointReader(options.visit);
  const sections = await readSections(disk, path, {
    checksum: options.checksum,
    format,
    visit: (kind, payload, bytesLeft) => reader.section(kind, payload, bytesLeft),
  });
  if (sections.kind === 'rejected') return sections;
  const { head, tail } = reader;
  if (head === undefined || tail === undefined) {
    return { kind: 'rejected', reason: `${path} lacks its head or its tail` };
  }
  if (head.number !== options.number) {
    return { kind: 'rejected', reason: `${path} is checkpoint ${head.number} under another name` };
  }
  return { kind: 'loaded', checkpoint: { ...head, ...tail, bytes: sections.bytes } };
}

/** Splits a table over sections; each that is complete is written before the next is filled. */
async function writeTable(writer: SectionWriter, table: CheckpointTable): Promise<void> {
  const overhead = partOverheadBytes(table);
  const slots = table.words.length / slotWords;
  for (let start = 0; start < slots;) {
    const room = Math.floor((writer.roomFor(partKind) - overhead) / slotBytes);
    const most = room > 0 ? room : Math.floor((limits.sectionBytesMax - overhead) / slotBytes);
    const end = Math.min(slots, start + most);
    writePart(writer.reserve(partKind, overhead + (end - start) * slotBytes), table, start, end);
    start = end;
    await writer.drain();
  }
}

/** Puts the sections together; throws `LOG_CORRUPT` where they do not fit each other. */
class CheckpointReader {
  head: CheckpointHead | undefined;
  tail: CheckpointTail | undefined;
  readonly #visit: TableVisitor;
  readonly #actors: string[] = [];
  readonly #segments: CheckpointSegment[] = [];
  #slots = 0;
  /** The table under way, and how many of its slots have come. */
  #table: CheckpointTable | undefined;
  #filled = 0;

  constructor(visit: TableVisitor) {
    this.#visit = visit;
  }

  async section(kind: number, payload: Uint8Array, bytesLeft: number): Promise<void> {
    if ((this.head === undefined) !== (kind === headKind) || this.tail !== undefined) {
      throw malformed(`section kind ${kind} is out of order`);
    }
    const cursor = new ByteCursor(payload);
    if (kind === headKind) this.#readHead(cursor);
    else if (kind === tailKind) this.#readTail(cursor);
    while (!cursor.isAtEnd) {
      if (kind === partKind) await this.#readPart(decodePart(cursor), payload.length + bytesLeft);
      else if (kind === actorKind) this.#actors.push(decodeActor(cursor));
      else if (kind === segmentKind) this.#segments.push(decodeSegment(cursor));
      else throw malformed(`section kind ${kind} is unknown or too long`);
    }
  }

  #readHead(cursor: ByteCursor): void {
    this.head = decodeHead(cursor);
    if (this.head === undefined) throw malformed('it was written on a machine of another byte order');
  }

  async #readPart(part: TablePart, bytesMax: number): Promise<void> {
    this.#table ??= this.#newTable(part, bytesMax);
    const table = this.#table;
    const filled = this.#filled + part.slotsHere;
    const isNext = table.spaceName === part.spaceName && table.table === part.table && part.slotsHere > 0;
    if (!isNext || filled * slotWords > table.words.length) {
      throw malformed(`a part of table ${part.table} does not follow the one before`);
    }
    new Uint8Array(table.words.buffer, this.#filled * slotBytes).set(part.slots);
    this.#filled = filled;
    if (filled * slotWords < table.words.length) return;
    this.#slots += filled;
    this.#table = undefined;
    await this.#visit(table);
  }

  #newTable(part: TablePart, bytesMax: number): CheckpointTable {
    const { spaceName, table, slotsInTable } = part;
    if (slotsInTable * slotBytes > bytesMax) {
      throw malformed(`table ${table} of ${slotsInTable} slots is longer than the file`);
    }
    this.#filled = 0;
    return { spaceName, table, words: new Uint32Array(slotsInTable * slotWords) };
  }

  #readTail(cursor: ByteCursor): void {
    const counts = decodeTail(cursor);
    if (
      this.#table !== undefined ||
      counts.slots !== this.#slots ||
      counts.actors !== this.#actors.length ||
      counts.segments !== this.#segments.length
    ) {
      throw malformed('its tables, actors or segments are not as many as its tail says');
    }
    this.tail = { actors: this.#actors, segments: this.#segments, evidenceLost: counts.evidenceLost };
  }
}

function malformed(what: string): StoreError {
  return new StoreError('LOG_CORRUPT', what);
}
