/**
 * What the `classic-level` engine counts: keys, bytes, entries, hints of each target.
 *
 * LevelDB cannot tell how many rows a range holds, and counting at every start would read them all. So
 * each batch also writes the figures that it leads to, in one row and in the same atomic batch: they are
 * never apart from the rows they count. A figures row that cannot be believed is counted anew.
 *
 *   8 hex digits of the CRC-32 of the rest · JSON
 */

import { isNodeId, type NodeId } from '../core/config.ts';
import type { Checksum } from '../core/crc32.ts';
import { StoreError } from '../core/errors.ts';
import type { HintSummary } from '../storage/store.ts';
import { ownSpace } from './classic-level-rows.ts';

/** What one operation changes. */
export interface FiguresChange {
  readonly space: string;
  readonly keys: number;
  /** Bytes of encoded records. */
  readonly bytes: number;
}

interface Count {
  readonly keys: number;
  readonly bytes: number;
}

const format = 1;
const checksumDigits = 8;
const noCount: Count = { keys: 0, bytes: 0 };

export class Figures {
  /** Operations that changed something, over the life of the database. */
  entries = 0;
  readonly #counts = new Map<string, Count>();

  /** The store's own records. */
  get own(): Count {
    return this.#counts.get(ownSpace) ?? noCount;
  }

  /** Bytes of the hints for one target, or of all of them. */
  hintBytes(target?: NodeId): number {
    if (target !== undefined) return this.#counts.get(target)?.bytes ?? 0;
    return this.hints().reduce((sum, summary) => sum + summary.bytes, 0);
  }

  hints(): HintSummary[] {
    const summaries: HintSummary[] = [];
    for (const [target, { keys, bytes }] of this.#counts) {
      if (isNodeId(target)) summaries.push({ target, count: keys, bytes });
    }
    return summaries;
  }

  apply(change: FiguresChange): void {
    const before = this.#counts.get(change.space) ?? noCount;
    const after = { keys: before.keys + change.keys, bytes: before.bytes + change.bytes };
    if (after.keys === 0 && change.space !== ownSpace) this.#counts.delete(change.space);
    else this.#counts.set(change.space, after);
    this.entries += 1;
  }

  copy(): Figures {
    const copy = new Figures();
    for (const [space, count] of this.#counts) copy.#counts.set(space, count);
    copy.entries = this.entries;
    return copy;
  }

  encode(checksum: Checksum): Uint8Array {
    const body = JSON.stringify({
      format,
      entries: this.entries,
      counts: [...this.#counts].map(([space, { keys, bytes }]) => [space, keys, bytes]),
    });
    return new TextEncoder().encode(checksumOf(body, checksum) + body);
  }

  /** Undefined when the row is not what was written. Throws `FORMAT_UNSUPPORTED` for a later format. */
  static decode(row: Uint8Array, checksum: Checksum): Figures | undefined {
    const text = new TextDecoder().decode(row);
    const body = text.slice(checksumDigits);
    if (checksumOf(body, checksum) !== text.slice(0, checksumDigits)) return undefined;
    const fields = new Map(Object.entries(JSON.parse(body) as Readonly<Record<string, unknown>>));
    if (fields.get('format') !== format) {
      throw new StoreError(
        'FORMAT_UNSUPPORTED',
        `this classic-level database has format ${String(fields.get('format'))}; this version reads ${format}. ` +
          'Open it with the version that wrote it.',
      );
    }
    const figures = new Figures();
    figures.entries = Number(fields.get('entries'));
    for (const [space, keys, bytes] of fields.get('counts') as readonly [string, number, number][]) {
      figures.#counts.set(space, { keys, bytes });
    }
    return figures;
  }
}

function checksumOf(body: string, checksum: Checksum): string {
  return checksum(new TextEncoder().encode(body)).toString(16).padStart(checksumDigits, '0');
}
