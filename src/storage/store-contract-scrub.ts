/** Store contract, scrub: every record is read again, at the rate that was asked for, and can be told to end. */

import assert from 'node:assert/strict';

import { recordOf, wholeSum } from './store-contract-records.ts';
import type { WithStore } from './store-contract.ts';
import type { ScrubReport, Store } from './store.ts';

const fast = { bytesPerSecond: 1e12 };

async function fill(store: Store): Promise<void> {
  const records = Array.from({ length: 200 }, (_, index) =>
    recordOf({ key: `key ${index}`, value: 'v'.repeat(index % 50 === 0 ? 90_000 : index) }),
  );
  await Promise.all(records.map((record) => store.merge(record)));
}

export function contractOfScrubs(withStore: WithStore): void {
  withStore('a scrub of an intact store reads all of it and finds nothing', async (store) => {
    await fill(store);
    const before = await wholeSum(store);
    const seen: ScrubReport[] = [];
    const report = await store.scrub({ ...fast, onProgress: (each) => seen.push(each) });
    const { records, bytes, corrupt, sumMismatches } = report;
    assert.deepEqual({ records, corrupt, sumMismatches }, { records: 200, corrupt: 0, sumMismatches: 0 });
    assert.ok(bytes > 360_000, `${bytes} bytes`);
    assert.ok(seen.length > 3, 'it tells how far it is');
    for (const [index, each] of seen.entries()) {
      assert.ok(each.records >= (seen[index - 1]?.records ?? 0) && each.records <= 200);
    }
    assert.deepEqual(await wholeSum(store), before);
    assert.deepEqual(store.status().quarantined, []);
  });

  withStore('a scrub ends when it is told to, and says how far it came', async (store) => {
    await fill(store);
    const stop = new AbortController();
    // At this rate the first page alone would take an hour.
    const report = await store.scrub({
      bytesPerSecond: 1,
      signal: stop.signal,
      onProgress: () => stop.abort(),
    });
    assert.ok(report.records > 0 && report.records < 200, `${report.records} records`);
  });

  withStore('a store that is closed ends its scrub', async (store) => {
    await fill(store);
    const { promise: hasBegun, resolve } = Promise.withResolvers<void>();
    const scrub = store.scrub({ bytesPerSecond: 1, onProgress: () => resolve() });
    await hasBegun;
    await store.close();
    assert.ok((await scrub).records < 200);
  });

  withStore('there is one scrub at a time', async (store) => {
    await fill(store);
    const first = store.scrub(fast);
    await assert.rejects(store.scrub(fast), { code: 'OVERLOADED' });
    await first;
    assert.equal((await store.scrub(fast)).records, 200);
  });
}
