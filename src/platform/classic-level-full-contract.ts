/**
 * Run by the test of the full disk, in a process of its own under a file size limit: writes until
 * writes are refused, more than once, reads everything back before and after a reopen, and prints what it saw.
 */

import { errorCodeOf } from '../core/errors.ts';
import type { StoredRecord } from '../core/record.ts';
import { keyText, recordOf } from '../storage/store-contract-records.ts';
import type { Store } from '../storage/store.ts';
import { openClassicLevelForTest } from './classic-level-harness-contract.ts';

const dataDirectory = process.argv[2] ?? '';
const acknowledged: StoredRecord[] = [];
const refused: string[] = [];
const lost: string[] = [];

async function readBack(store: Store): Promise<void> {
  for (const record of acknowledged) {
    const held = await store.get(record.key, record.token);
    if (held === undefined) lost.push(keyText(record.key));
  }
}

let store = await openClassicLevelForTest({ dataDirectory });
for (let index = 0; index < 60; index++) {
  const record = recordOf({ key: `key ${index}`, value: new Uint8Array(20_000).fill(index) });
  try {
    await store.merge(record);
    acknowledged.push(record);
  } catch (error) {
    refused.push(`${errorCodeOf(error)} while ${store.status().state}`);
    await readBack(store);
  }
}
const { state } = store.status();
await store.close();
store = await openClassicLevelForTest({ dataDirectory });
await readBack(store);
await store.close();
process.stdout.write(JSON.stringify({ refused, lost, state }));
