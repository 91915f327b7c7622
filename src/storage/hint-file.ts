/**
 * A hint file: what recovery needs of a sealed segment without reading its values (Bitcask, Sheehy &
 * Smith 2010). Not to be confused with hints for absent owners.
 *
 * `log/<segment>.hint`: sections as in section-file.ts, of these kinds, big-endian:
 *
 *   1 head     0  u32  first id            4  u32  last id
 *              8  u32  generation         12  u32  batch mark of the segment
 *             16  u48  sequence at which the segment starts
 *             22  u48  sequence after its last batch
 *             28  u48  end of its last batch
 *   2 name     0  u8   length              1       an actor or a space; the first has ordinal 0
 *   3 entry    0  u32  offset              4  u32  length of the entry in the segment
 *              8  u48  dot: wall ms       14  u16  dot: counter
 *             16  u48  expires at         22  u32  the version's CRC-32
 *             26  u16  actor's ordinal    28  u16  space's ordinal
 *             30  u16  key length         32  u8   flags: 1 tombstone, 2 drop
 *             33       key
 *   4 tail     0  u32  entries             4  u32  names
 *
 * Entries are in log order and so must be applied. Names come before the entries that use them. The
 * batch mark ties the file to the very segment it was made from. It only accelerates: without it, or
 * when anything is odd about it, the segment itself is read. Tokens are computed from the keys.
 */

import { writeUint16, writeUint32, writeUint48 } from '../core/bytes.ts';
import type { Checksum } from '../core/crc32.ts';
import type { Dot } from '../core/dot.ts';
import { StoreError } from '../core/errors.ts';
import type { VersionDigest } from '../core/record.ts';
import type { Disk } from '../ports/disk.ts';
import { ByteCursor } from './byte-cursor.ts';
import { publishFile } from './publish-file.ts';
import { readSections, SectionWriter } from './section-file.ts';
import { asciiBytes } from './segment-format.ts';
import { hintPathOf, segmentPath, type SegmentName } from './segment-name.ts';

/** The segment that a hint file describes, as the segment's own header names it. */
export interface HintedSegment extends SegmentName {
  readonly batchMark: number;
  readonly sequence: number;
}

/** What scanning the segment would have found out. */
export interface HintedExtent {
  readonly endSequence: number;
  /** End of the last good batch: the segment must be at least as long. */
  readonly end: number;
}

interface HintedPlace {
  /** Empty for the own records, else the node the hint is for. */
  readonly spaceName: string;
  readonly key: Uint8Array;
  readonly offset: number;
  readonly length: number;
}

export type HintEntry =
  | (HintedPlace & { readonly kind: 'record'; readonly version: VersionDigest })
  | (HintedPlace & { readonly kind: 'drop'; readonly dot: Dot });

export type HintFileLoad =
  | { readonly kind: 'loaded'; readonly extent: HintedExtent; readonly entries: number }
  | { readonly kind: 'rejected'; readonly reason: string };

type EntriesVisitor = (entries: readonly HintEntry[]) => void | Promise<void>;

const format = { magic: 0x4d444849, format: 1 };
const headKind = 1;
const nameKind = 2;
const entryKind = 3;
const tailKind = 4;
const headBytes = 34;
const entryBytes = 33;
const tailBytes = 8;
const tombstoneFlag = 1;
const dropFlag = 2;
/** An entry has 16 bits for an ordinal. */
const namesMax = 0x1_0000;

/**
 * Writes the hint file of a segment and puts it in its place, durable when it resolves. `pages` are
 * drawn one at a time, in log order, with writes in between; some thousand entries a page is a good
 * size. Rejects with the disk's error, or with `LIMIT_EXCEEDED` when there are too many names:
 * the segment then does without.
 */
export async function writeHintFile(
  disk: Disk,
  options: {
    readonly checksum: Checksum;
    readonly segment: HintedSegment;
    readonly extent: HintedExtent;
    readonly pages: AsyncIterable<readonly HintEntry[]>;
  },
): Promise<void> {
  const { segment, extent } = options;
  await publishFile(disk, hintPathOf(segmentPath(segment)), async (file) => {
    const writer = new SectionWriter({ file, checksum: options.checksum, format });
    const ordinals = new Map<string, number>();
    let entries = 0;
    writeHead(writer.reserve(headKind, headBytes), segment, extent);
    for await (const page of options.pages) {
      for (const entry of page) {
        writeName(writer, ordinals, entry.spaceName);
        writeName(writer, ordinals, dotOf(entry).actor);
      }
      for (const entry of page) {
        writeEntry(writer.reserve(entryKind, entryBytes + entry.key.length), entry, ordinals);
      }
      entries += page.length;
      await writer.drain();
    }
    const tail = writer.reserve(tailKind, tailBytes);
    writeUint32(tail, 0, entries);
    writeUint32(tail, 4, ordinals.size);
    await writer.finish();
  });
}

/**
 * Loads the hint file of a segment, handing its entries to `visit` in log order, a section at a time; keys
 * are good only until `visit` returns or resolves. Never throws for what is in the file or for what the
 * disk cannot read. Nothing is visited of a file that is not this segment's; after another rejection what
 * was visited is true but not all, and reading the segment from its start is merging over it.
 */
export async function loadHintFile(
  disk: Disk,
  options: {
    readonly checksum: Checksum;
    readonly segment: HintedSegment;
    readonly visit: EntriesVisitor;
  },
): Promise<HintFileLoad> {
  const path = hintPathOf(segmentPath(options.segment));
  const reader = new HintReader(options.segment, options.visit);
  const sections = await readSections(disk, path, {
    checksum: options.checksum,
    format,
    visit: (kind, payload) => reader.section(kind, payload),
  });
  if (sections.kind === 'rejected') return sections;
  const { extent, entries } = reader;
  if (extent === undefined || !reader.isComplete) {
    return { kind: 'rejected', reason: `${path} lacks its head or its tail` };
  }
  return { kind: 'loaded', extent, entries };
}

/** Puts the sections together; throws `LOG_CORRUPT` where they do not fit each other or the segment. */
class HintReader {
  extent: HintedExtent | undefined;
  entries = 0;
  isComplete = false;
  readonly #segment: HintedSegment;
  readonly #visit: EntriesVisitor;
  readonly #names: string[] = [];

  constructor(segment: HintedSegment, visit: EntriesVisitor) {
    this.#segment = segment;
    this.#visit = visit;
  }

  async section(kind: number, payload: Uint8Array): Promise<void> {
    if ((this.extent === undefined) !== (kind === headKind) || this.isComplete) {
      throw malformed(`section kind ${kind} is out of order`);
    }
    const cursor = new ByteCursor(payload);
    if (kind === headKind) this.#readHead(cursor);
    else if (kind === tailKind) this.#readTail(cursor);
    else if (kind === entryKind) await this.#readEntries(cursor);
    while (kind === nameKind && !cursor.isAtEnd) this.#names.push(cursor.text(cursor.uint8()));
    if (!cursor.isAtEnd) throw malformed(`section kind ${kind} is unknown or too long`);
  }

  #readHead(cursor: ByteCursor): void {
    const { firstId, lastId, generation, batchMark, sequence } = this.#segment;
    const isThisSegments =
      cursor.uint32() === firstId &&
      cursor.uint32() === lastId &&
      cursor.uint32() === generation &&
      cursor.uint32() === batchMark &&
      cursor.uint48() === sequence;
    if (!isThisSegments) throw malformed('it belongs to another segment');
    this.extent = { endSequence: cursor.uint48(), end: cursor.uint48() };
  }

  async #readEntries(cursor: ByteCursor): Promise<void> {
    const entries: HintEntry[] = [];
    while (!cursor.isAtEnd) entries.push(this.#readEntry(cursor));
    this.entries += entries.length;
    await this.#visit(entries);
  }

  #readEntry(cursor: ByteCursor): HintEntry {
    const offset = cursor.uint32();
    const length = cursor.uint32();
    const wallMs = cursor.uint48();
    const counter = cursor.uint16();
    const expiresAtMs = cursor.uint48();
    const checksum = cursor.uint32();
    const actor = this.#name(cursor.uint16());
    const spaceName = this.#name(cursor.uint16());
    const keyLength = cursor.uint16();
    const flags = cursor.uint8();
    const place = { spaceName, key: cursor.take(keyLength), offset, length };
    const dot = { wallMs, counter, actor };
    if ((flags & dropFlag) !== 0) return { kind: 'drop', ...place, dot };
    const tombstone = (flags & tombstoneFlag) !== 0;
    return { kind: 'record', ...place, version: { dot, tombstone, expiresAtMs, checksum } };
  }

  #name(ordinal: number): string {
    const name = this.#names[ordinal];
    if (name === undefined) throw malformed(`an entry has name ${ordinal} of ${this.#names.length}`);
    return name;
  }

  #readTail(cursor: ByteCursor): void {
    if (cursor.uint32() !== this.entries || cursor.uint32() !== this.#names.length) {
      throw malformed('its entries or names are not as many as its tail says');
    }
    this.isComplete = true;
  }
}

function writeHead(record: Uint8Array, segment: HintedSegment, extent: HintedExtent): void {
  writeUint32(record, 0, segment.firstId);
  writeUint32(record, 4, segment.lastId);
  writeUint32(record, 8, segment.generation);
  writeUint32(record, 12, segment.batchMark);
  writeUint48(record, 16, segment.sequence);
  writeUint48(record, 22, extent.endSequence);
  writeUint48(record, 28, extent.end);
}

function writeName(writer: SectionWriter, ordinals: Map<string, number>, name: string): void {
  if (ordinals.has(name)) return;
  if (ordinals.size >= namesMax) {
    throw new StoreError('LIMIT_EXCEEDED', `a hint file has room for ${namesMax} actors and spaces`);
  }
  ordinals.set(name, ordinals.size);
  const bytes = asciiBytes(name);
  writer.append(nameKind, Uint8Array.of(bytes.length, ...bytes));
}

function writeEntry(record: Uint8Array, entry: HintEntry, ordinals: ReadonlyMap<string, number>): void {
  const dot = dotOf(entry);
  writeUint32(record, 0, entry.offset);
  writeUint32(record, 4, entry.length);
  writeUint48(record, 8, dot.wallMs);
  writeUint16(record, 14, dot.counter);
  if (entry.kind === 'record') {
    writeUint48(record, 16, entry.version.expiresAtMs);
    writeUint32(record, 22, entry.version.checksum);
  }
  writeUint16(record, 26, ordinals.get(dot.actor) ?? 0);
  writeUint16(record, 28, ordinals.get(entry.spaceName) ?? 0);
  writeUint16(record, 30, entry.key.length);
  const isTombstone = entry.kind === 'record' && entry.version.tombstone;
  record[32] = (isTombstone ? tombstoneFlag : 0) | (entry.kind === 'drop' ? dropFlag : 0);
  record.set(entry.key, entryBytes);
}

function dotOf(entry: HintEntry): Dot {
  return entry.kind === 'record' ? entry.version.dot : entry.dot;
}

function malformed(what: string): StoreError {
  return new StoreError('LOG_CORRUPT', what);
}
