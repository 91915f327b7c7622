import type { StoredRecord } from '../core/record.ts';

/** Batches of at most so many records and bytes; a longer record goes by itself. */
export function cutIntoBatches(
  records: readonly StoredRecord[],
  limit: { readonly recordsMax: number; readonly bytesMax: number },
): StoredRecord[][] {
  const batches: StoredRecord[][] = [];
  let batch: StoredRecord[] = [];
  let bytes = 0;
  for (const record of records) {
    const isFull = batch.length >= limit.recordsMax || bytes + record.bytes.length > limit.bytesMax;
    if (isFull && batch.length > 0) {
      batches.push(batch);
      batch = [];
      bytes = 0;
    }
    batch.push(record);
    bytes += record.bytes.length;
  }
  if (batch.length > 0) batches.push(batch);
  return batches;
}
