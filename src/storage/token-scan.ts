/**
 * Scans of the own space in token order, a page at a time.
 *
 * The index is in token order already, so a page is a walk over it; only the keys are read from disk.
 * A cursor is the last token and how many of its keys were passed: keys of one token keep their
 * order while the store is open, new ones are added behind them.
 */

import { errorCodeOf, StoreError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { Token } from '../core/token.ts';
import { partitionOf } from '../core/token.ts';
import type { EntryReader } from './entry-reader.ts';
import type { LogIndex } from './log-index.ts';
import type { PartitionIndex } from './partition-index.ts';
import { entryHeaderBytes } from './segment-format.ts';
import type { ScanCursor, ScanEntry, ScanPage } from './store.ts';

interface Position {
  readonly token: Token;
  /** Keys of the token that were passed. */
  readonly passed: number;
}

export interface ScanOptions {
  readonly after?: ScanCursor | undefined;
  readonly partition?: number;
  readonly limit: number;
}

/** One page. Entries that cannot be read are left out; they have been reported as damage. */
export function scanPage(index: LogIndex, reader: EntryReader, options: ScanOptions): ScanPage {
  const { tables } = index.own;
  const limit = Math.max(1, Math.min(options.limit, limits.scanPageMax));
  const entries: ScanEntry[] = [];
  let position = options.after === undefined ? undefined : parseCursor(options.after);
  let resumed = position;
  let partition = options.partition ?? 0;
  if (position !== undefined && options.partition === undefined) {
    partition = partitionOf(position.token, tables.length);
  }
  const end = options.partition === undefined ? tables.length : partition + 1;
  let walked = 0;
  for (; partition < end; partition++) {
    const table = tables[partition];
    if (table === undefined) break;
    let slot = resumed === undefined ? table.firstSlot() : slotBehind(table, resumed);
    resumed = undefined;
    for (; slot >= 0; slot = table.slotAfter(slot)) {
      if (walked === limit && position !== undefined) return { entries, next: formatCursor(position) };
      walked++;
      const token = { high: table.tokenHighAt(slot), low: table.tokenLowAt(slot) };
      const isSame = position?.token.high === token.high && position.token.low === token.low;
      position = { token, passed: isSame ? (position?.passed ?? 0) + 1 : 1 };
      const entry = entryAt(index, reader, table, slot, token);
      if (entry !== undefined) entries.push(entry);
    }
  }
  return { entries, next: undefined };
}

function entryAt(
  index: LogIndex,
  reader: EntryReader,
  table: PartitionIndex,
  slot: number,
  token: Token,
): ScanEntry | undefined {
  const place = index.placeOf(table, slot);
  const key = reader.keySync(place, 0, token);
  if (key === undefined) {
    table.markDamaged(slot);
    return undefined;
  }
  try {
    const digest = index.digestOf(index.own, table, slot);
    return { key, token, digest, recordBytes: place.length - entryHeaderBytes };
  } catch (error) {
    if (errorCodeOf(error) === 'RECORD_CORRUPT') return undefined;
    throw error;
  }
}

function slotBehind(table: PartitionIndex, position: Position): number {
  let slot = table.seek(position.token);
  for (let passed = 0; passed < position.passed && slot >= 0; passed++) {
    if (table.tokenHighAt(slot) !== position.token.high || table.tokenLowAt(slot) !== position.token.low)
      break;
    slot = table.slotAfter(slot);
  }
  return slot;
}

function formatCursor(position: Position): ScanCursor {
  const { token, passed } = position;
  return `${token.high.toString(16)}.${token.low.toString(16)}.${passed}` as ScanCursor;
}

function parseCursor(cursor: ScanCursor): Position {
  const match = /^([0-9a-f]{1,8})\.([0-9a-f]{1,8})\.(\d{1,9})$/.exec(cursor);
  if (match === null) {
    throw new StoreError('BAD_REQUEST', `${JSON.stringify(cursor.slice(0, 64))} is no cursor of a scan`);
  }
  return {
    token: { high: Number.parseInt(match[1] ?? '', 16), low: Number.parseInt(match[2] ?? '', 16) },
    passed: Number(match[3]),
  };
}
