/**
 * The frame of a file that is written once and read as a whole: checkpoints and hint files.
 *
 *   file     0  u32  magic, says which kind of file
 *            4  u16  format
 *            6  u16  zero
 *            8       sections
 *   section  0  u32  kind; 0 ends the file
 *            4  u32  payload bytes, at most limits.sectionBytesMax
 *            8  u32  CRC-32 of the whole file up to here, these four bytes left out, and the payload
 *           12       payload: records that state their own length
 *
 * Big-endian. Each checksum continues the one before it, so a section that was changed, moved, lost
 * or doubled is found at the latest at the next one, and the last section shows that the file is
 * whole. Nothing is allocated by a length from the file that was not checked against the limit, and
 * what does not check out is a reason to do without the file, never an error.
 */

import { readUint32, writeUint16, writeUint32 } from '../core/bytes.ts';
import type { Checksum } from '../core/crc32.ts';
import { assert, StoreError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { Disk, DiskFile } from '../ports/disk.ts';

const sectionHeaderBytes = 12;
const fileHeaderBytes = 8;
const endKind = 0;

/** What kind of file it is; a reader wants exactly what the writer wrote. */
export interface SectionFormat {
  readonly magic: number;
  readonly format: number;
}

/** Gathers records into sections and writes them out; memory is bounded by calling `drain`. */
export class SectionWriter {
  readonly #file: Pick<DiskFile, 'write' | 'sync'>;
  readonly #checksum: Checksum;
  #running: number;
  /** Complete sections (and the file header) that are not written yet. */
  #pending: Uint8Array[];
  #position = 0;
  /** Up to where it is durable. */
  #syncedEnd = 0;
  /** The section under way; `#used` is 0 when there is none. */
  #section = newSection();
  #kind = endKind;
  #used = 0;

  constructor(options: {
    readonly file: Pick<DiskFile, 'write' | 'sync'>;
    readonly checksum: Checksum;
    readonly format: SectionFormat;
  }) {
    this.#file = options.file;
    this.#checksum = options.checksum;
    const header = new Uint8Array(fileHeaderBytes);
    writeUint32(header, 0, options.format.magic);
    writeUint16(header, 4, options.format.format);
    this.#running = options.checksum(header);
    this.#pending = [header];
  }

  /** Bytes that the section under way has room for, if its next record is of this kind. */
  roomFor(kind: number): number {
    const isUnderWay = kind === this.#kind && this.#used > 0;
    return limits.sectionBytesMax - (isUnderWay ? this.#used - sectionHeaderBytes : 0);
  }

  /** Zeroed room for one record, to be filled before the next call; a section never splits a record. */
  reserve(kind: number, bytes: number): Uint8Array {
    assert(bytes <= limits.sectionBytesMax, 'a record fits one section');
    if (this.#used === 0 || kind !== this.#kind || bytes > this.roomFor(kind)) {
      this.#complete();
      this.#kind = kind;
      this.#used = sectionHeaderBytes;
    }
    const record = this.#section.subarray(this.#used, this.#used + bytes);
    this.#used += bytes;
    return record;
  }

  /** Adds one record; its bytes are copied. */
  append(kind: number, record: Uint8Array): void {
    this.reserve(kind, record.length).set(record);
  }

  /** Writes the sections that are complete, and syncs now and then: little at a time, for the log's syncs wait behind it. */
  async drain(): Promise<void> {
    const chunks = this.#pending;
    if (chunks.length === 0) return;
    this.#pending = [];
    await this.#file.write(chunks, this.#position);
    for (const chunk of chunks) this.#position += chunk.length;
    if (this.#position - this.#syncedEnd < limits.maintenanceSyncBytes) return;
    this.#syncedEnd = this.#position;
    await this.#file.sync();
  }

  /** Ends the file and resolves to its length; making it durable is the caller's. */
  async finish(): Promise<number> {
    this.#complete();
    this.#kind = endKind;
    this.#used = sectionHeaderBytes;
    this.#seal();
    await this.drain();
    return this.#position;
  }

  /** Ends the section under way, if there is one. */
  #complete(): void {
    if (this.#used > 0) this.#seal();
  }

  #seal(): void {
    const section = this.#section.subarray(0, this.#used);
    writeUint32(section, 0, this.#kind);
    writeUint32(section, 4, this.#used - sectionHeaderBytes);
    this.#running = continueChecksum(this.#checksum, this.#running, section);
    writeUint32(section, 8, this.#running);
    if (this.#used > this.#section.length / 2) {
      this.#pending.push(section);
      this.#section = newSection();
    } else {
      // Short ones are copied, so that many of them do not hold many buffers.
      this.#pending.push(section.slice());
      section.fill(0);
    }
    this.#used = 0;
  }
}

function newSection(): Uint8Array {
  return new Uint8Array(sectionHeaderBytes + limits.sectionBytesMax);
}

/** How reading a file ended; `reason` names the file. */
export type SectionsRead =
  { readonly kind: 'read'; readonly bytes: number } | { readonly kind: 'rejected'; readonly reason: string };

export interface SectionReading {
  readonly checksum: Checksum;
  readonly format: SectionFormat;
  /**
   * Takes one section. `payload` is the reader's buffer and good only until this returns or resolves;
   * `bytesLeft` is how much of the file follows, a bound for lengths that reach past the section.
   */
  readonly visit: (kind: number, payload: Uint8Array, bytesLeft: number) => void | Promise<void>;
}

/**
 * Reads a whole file, section by section. Rejects it (as a value) when it cannot be read or believed, or
 * when `visit` throws a `StoreError`. What was visited before that is as it was written, but not all
 * there is.
 */
export async function readSections(disk: Disk, path: string, options: SectionReading): Promise<SectionsRead> {
  try {
    const file = await disk.open(path, 'read');
    try {
      return await readAll(file, options);
    } finally {
      await file.close();
    }
  } catch (error) {
    if (error instanceof StoreError) return rejected(`${path}: ${error.message}`);
    throw error;
  }
}

async function readAll(file: DiskFile, options: SectionReading): Promise<SectionsRead> {
  const { checksum, format, visit } = options;
  const size = await file.size();
  const reader = new BufferedReader(file, size);
  const header = await reader.take(fileHeaderBytes);
  if (header === undefined) return rejected(`${file.path} ends at ${size}, within its header`);
  if (readUint32(header, 0) !== format.magic || readUint32(header, 4) !== format.format * 0x1_0000) {
    return rejected(`${file.path} does not start as a file of format ${format.format} does`);
  }
  let running = checksum(header);
  for (;;) {
    const offset = reader.position;
    const head = await reader.peek(sectionHeaderBytes);
    if (head === undefined) return rejected(`${file.path} ends at ${size}, before its last section`);
    const payloadBytes = readUint32(head, 4);
    if (payloadBytes > limits.sectionBytesMax) {
      return rejected(`${file.path} has a section of ${payloadBytes} bytes at ${offset}, which is too long`);
    }
    const section = await reader.take(sectionHeaderBytes + payloadBytes);
    if (section === undefined)
      return rejected(`${file.path} ends at ${size}, within the section at ${offset}`);
    running = continueChecksum(checksum, running, section);
    if (readUint32(section, 8) !== running)
      return rejected(`${file.path} has a damaged section at ${offset}`);
    const kind = readUint32(section, 0);
    if (kind === endKind) break;
    await visit(kind, section.subarray(sectionHeaderBytes), size - reader.position);
  }
  if (reader.position !== size) return rejected(`${file.path} goes on after its end at ${reader.position}`);
  return { kind: 'read', bytes: size };
}

function rejected(reason: string): SectionsRead {
  return { kind: 'rejected', reason };
}

function continueChecksum(checksum: Checksum, running: number, section: Uint8Array): number {
  return checksum(section, checksum(section, running, 0, 8), sectionHeaderBytes);
}

/** Reads a file from front to back through one buffer that holds the largest section. */
class BufferedReader {
  readonly #file: DiskFile;
  readonly #buffer: Uint8Array;
  #start = 0;
  #end = 0;
  /** Of what was not taken yet. */
  position = 0;

  constructor(file: DiskFile, size: number) {
    this.#file = file;
    this.#buffer = new Uint8Array(Math.min(size, 2 * (sectionHeaderBytes + limits.sectionBytesMax)));
  }

  /** The next bytes, still to be taken; undefined when the file ends before. Good until the next call. */
  async peek(bytes: number): Promise<Uint8Array | undefined> {
    if (this.#end - this.#start < bytes) await this.#fill();
    if (this.#end - this.#start < bytes) return undefined;
    return this.#buffer.subarray(this.#start, this.#start + bytes);
  }

  async take(bytes: number): Promise<Uint8Array | undefined> {
    const taken = await this.peek(bytes);
    if (taken !== undefined) {
      this.#start += bytes;
      this.position += bytes;
    }
    return taken;
  }

  async #fill(): Promise<void> {
    this.#buffer.copyWithin(0, this.#start, this.#end);
    this.#end -= this.#start;
    this.#start = 0;
    this.#end += await this.#file.read(this.#buffer.subarray(this.#end), this.position + this.#end);
  }
}
