/**
 * `vouched-partitions.json`: the partitions that this node owned and could vouch for, apart from what its store says it
 * lost.
 *
 * A change of the nodes file gives a node partitions whose records lie elsewhere. Until it has fetched them its
 * "nothing" is no evidence, and a restart in the midst of that must not make it a witness. So the file names what was
 * owned at the last start; what is owned beyond that is gained, until all of it has been compared. What is not
 * owned any more is taken off before the node serves: should it come back, it is gained again.
 *
 *   {"format":1,"crc":"<8 hex digits>","partitions":"0-84,90"}      crc: CRC-32 of the text of `partitions`
 *
 * A file that cannot be believed vouches for nothing: the node then compares everything anew.
 */

import { crc32 } from '../core/crc32.ts';
import { errorMessageOf } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { Disk } from '../ports/disk.ts';
import type { Observer } from '../ports/observer.ts';
import { publishFile } from './publish-file.ts';

export const vouchedPartitionsPath = 'vouched-partitions.json';

export class VouchedPartitions {
  /** Owned now, and not vouched for yet. */
  readonly gained: ReadonlySet<number>;
  readonly #disk: Disk;
  readonly #observer: Observer;
  readonly #owned: readonly number[];

  private constructor(disk: Disk, observer: Observer, owned: readonly number[], gained: ReadonlySet<number>) {
    this.#disk = disk;
    this.#observer = observer;
    this.#owned = owned;
    this.gained = gained;
  }

  /** `owned`: by the placement of this start, ascending. A data directory without the file has gained nothing. */
  static async open(options: {
    readonly disk: Disk;
    readonly observer: Observer;
    readonly owned: readonly number[];
  }): Promise<VouchedPartitions> {
    const { disk, observer, owned } = options;
    const known = await load(disk, observer);
    const gained = new Set(known === undefined ? [] : owned.filter((partition) => !known.has(partition)));
    const vouched = new VouchedPartitions(disk, observer, owned, gained);
    const kept = owned.filter((partition) => !gained.has(partition));
    if (known === undefined || kept.length < known.size) await vouched.#save(kept);
    return vouched;
  }

  /** All that was gained is here now. */
  async vouchForAll(): Promise<void> {
    if (this.gained.size > 0) await this.#save(this.#owned);
  }

  /** A disk that does not take the file now keeps no node from serving: at worst more is compared than need be. */
  async #save(partitions: readonly number[]): Promise<void> {
    const text = rangesText(partitions);
    const bytes = new TextEncoder().encode(
      `{"format":1,"crc":"${checksumText(text)}","partitions":"${text}"}\n`,
    );
    try {
      await publishFile(this.#disk, vouchedPartitionsPath, (file) => file.write([bytes], 0));
    } catch (error) {
      this.#observer.log(
        'warn',
        'vouched-partitions.not-saved',
        `which partitions this node vouches for could not be noted: ${errorMessageOf(error)}`,
      );
    }
  }
}

/** Undefined when there is no file; empty when it cannot be believed. */
async function load(disk: Disk, observer: Observer): Promise<ReadonlySet<number> | undefined> {
  const names = await disk.list('');
  if (!names.some((entry) => entry.name === vouchedPartitionsPath)) return undefined;
  try {
    const file = await disk.open(vouchedPartitionsPath, 'read');
    try {
      const bytes = new Uint8Array(Math.min(await file.size(), limits.vouchedPartitionsBytesMax));
      const read = await file.read(bytes, 0);
      return parse(new TextDecoder().decode(bytes.subarray(0, read)));
    } finally {
      await file.close();
    }
  } catch (error) {
    observer.log(
      'warn',
      'vouched-partitions.rejected',
      `${vouchedPartitionsPath} is not believed, so all partitions are compared anew: ${errorMessageOf(error)}`,
    );
    return new Set();
  }
}

function parse(text: string): ReadonlySet<number> {
  const match = /^\{"format":1,"crc":"([0-9a-f]{8})","partitions":"([0-9,-]*)"\}\n$/.exec(text);
  const [, crc, ranges = ''] = match ?? [];
  if (match === null || crc !== checksumText(ranges)) throw new Error('it is not what was written');
  const partitions = new Set<number>();
  for (const range of ranges.split(',').filter((part) => part !== '')) {
    const [first = Number.NaN, last = first] = range.split('-').map(Number);
    for (let partition = first; partition <= last; partition++) partitions.add(partition);
  }
  return partitions;
}

/** Ascending numbers as `0-84,90`. */
function rangesText(partitions: readonly number[]): string {
  const ranges: string[] = [];
  for (let index = 0; index < partitions.length;) {
    const first = partitions[index] ?? 0;
    let last = first;
    while (partitions[index + 1] === last + 1) {
      index++;
      last++;
    }
    ranges.push(first === last ? `${first}` : `${first}-${last}`);
    index++;
  }
  return ranges.join(',');
}

function checksumText(text: string): string {
  return crc32(new TextEncoder().encode(text)).toString(16).padStart(8, '0');
}
