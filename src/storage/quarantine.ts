/**
 * Bytes of the log that could not be believed: listed for the operator, and copied aside before
 * anything cuts or rewrites them, so that nothing which was acknowledged is destroyed by a guess.
 *
 * Damage other than a torn tail means that something acknowledged may be missing. That outlives a
 * restart as the file `quarantine/evidence-lost`, because the next start may load a checkpoint
 * and never see the damage again. What it holds is the cause, one word of `EvidenceCause`; a file with
 * anything else in it, such as the empty one of an earlier version, says `damaged`.
 */

import { errorMessageOf } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { Disk, DiskFile } from '../ports/disk.ts';
import type { Observer } from '../ports/observer.ts';
import { publishFile } from './publish-file.ts';
import { asciiBytes } from './segment-format.ts';
import type { EvidenceCause, QuarantinedRange } from './store.ts';

export const quarantineDirectory = 'quarantine';
const markerName = 'evidence-lost';
const markerPath = `${quarantineDirectory}/${markerName}`;
const causes: readonly EvidenceCause[] = ['fresh', 'lost', 'rolled-back', 'damaged'];

export class Quarantine {
  readonly #disk: Disk;
  readonly #observer: Observer;
  readonly #ranges: QuarantinedRange[] = [];
  #evidenceLost: false | EvidenceCause = false;

  constructor(options: { readonly disk: Disk; readonly observer: Observer }) {
    this.#disk = options.disk;
    this.#observer = options.observer;
  }

  /** Newest last, the latest `limits.quarantinedMax`. */
  get ranges(): readonly QuarantinedRange[] {
    return [...this.#ranges];
  }

  /** Why something acknowledged may be missing here; false when nothing is. */
  get evidenceLost(): false | EvidenceCause {
    return this.#evidenceLost;
  }

  /** Whether what was there is gone, as opposed to there having been nothing. */
  get hasLost(): boolean {
    return this.#evidenceLost !== false && this.#evidenceLost !== 'fresh';
  }

  /** Finds out whether an earlier start of the node has lost evidence. */
  async load(): Promise<void> {
    const entries = await this.#disk.list(quarantineDirectory);
    if (entries.some((entry) => entry.name === markerName)) this.#evidenceLost = await this.#readMarker();
  }

  /** The same as `markEvidenceLost`, for a start: that must not fail for want of a marker. */
  async loseEvidence(cause: EvidenceCause): Promise<void> {
    try {
      await this.markEvidenceLost(cause);
    } catch (error) {
      this.#observer.log(
        'warn',
        'quarantine.not-marked',
        'that acknowledged data may be missing could not be noted on disk; it holds until the next restart',
        { error: errorMessageOf(error) },
      );
    }
  }

  /** Notes why something acknowledged may be missing, for later starts too; see `Store.loseEvidence`. */
  async markEvidenceLost(cause: EvidenceCause): Promise<void> {
    if (this.hasLost || this.#evidenceLost === cause) return;
    this.#evidenceLost = cause;
    await this.#disk.makeDirectory(quarantineDirectory);
    await this.#disk.syncDirectory('');
    await publishFile(this.#disk, markerPath, (file) => file.write([asciiBytes(cause)], 0));
  }

  /** The owners have been compared: what is missing here is known to be missing. */
  async restoreEvidence(): Promise<void> {
    await this.#disk.remove(markerPath);
    if (this.#evidenceLost !== false) await this.#disk.syncDirectory(quarantineDirectory);
    this.#evidenceLost = false;
  }

  /** Lists a range and tells the operator, once. */
  note(range: QuarantinedRange): void {
    if (this.#ranges.some((known) => known.file === range.file && known.offset === range.offset)) return;
    this.#ranges.push(range);
    if (this.#ranges.length > limits.quarantinedMax) this.#ranges.shift();
    this.#observer.count('log.quarantined');
    this.#observer.log(
      'error',
      'log.quarantined',
      `${range.bytes} bytes at offset ${range.offset} of ${range.file} are not believed: ${range.reason}`,
      { file: range.file, offset: range.offset, bytes: range.bytes, reason: range.reason },
    );
  }

  /** Lists a range and copies its bytes aside. Never rejects: a start must not fail for want of a copy. */
  async keep(file: DiskFile, range: QuarantinedRange): Promise<void> {
    this.note(range);
    if (range.bytes === 0) return;
    try {
      await this.#copy(file, range);
    } catch (error) {
      this.#observer.log(
        'warn',
        'quarantine.not-copied',
        `the bytes at offset ${range.offset} of ${range.file} could not be copied aside`,
        { file: range.file, offset: range.offset, error: errorMessageOf(error) },
      );
    }
  }

  async #readMarker(): Promise<EvidenceCause> {
    const marker = await this.#disk.open(markerPath, 'read');
    try {
      const bytes = new Uint8Array(16);
      const read = await marker.read(bytes, 0);
      const text = String.fromCharCode(...bytes.subarray(0, read));
      return causes.find((cause) => cause === text) ?? 'damaged';
    } catch {
      // That it is there is what counts.
      return 'damaged';
    } finally {
      await marker.close();
    }
  }

  async #copy(file: DiskFile, range: QuarantinedRange): Promise<void> {
    await this.#disk.makeDirectory(quarantineDirectory);
    const name = `${range.file.replaceAll('/', '_')}.${range.offset}.bin`;
    const copy = await this.#disk.open(`${quarantineDirectory}/${name}`, 'create');
    try {
      const buffer = new Uint8Array(Math.min(range.bytes, limits.segmentReadBytes));
      for (let done = 0; done < range.bytes;) {
        const piece = buffer.subarray(0, Math.min(buffer.length, range.bytes - done));
        const read = await file.read(piece, range.offset + done);
        if (read === 0) break;
        await copy.write([piece.subarray(0, read)], done);
        done += read;
      }
      await copy.sync();
    } finally {
      await copy.close();
    }
    await this.#disk.syncDirectory(quarantineDirectory);
  }
}

/** Whether a range of a file holds nothing but zeros, as what a file system leaves after a power cut. */
export async function isAllZeros(file: DiskFile, offset: number, bytes: number): Promise<boolean> {
  const buffer = new Uint8Array(Math.min(bytes, limits.segmentReadBytes));
  for (let done = 0; done < bytes;) {
    const read = await file.read(buffer.subarray(0, Math.min(buffer.length, bytes - done)), offset + done);
    if (read === 0) break;
    if (buffer.subarray(0, read).some((byte) => byte !== 0)) return false;
    done += read;
  }
  return true;
}
