/**
 * Store contract, merging: what a store holds for a key is the merge of all that it was given.
 *
 * The reference is `mergeRecords` itself: folding the same records by hand must give the same bytes,
 * whatever the order and however often each is given.
 */

import assert from 'node:assert/strict';
import fc from 'fast-check';

import { mergeRecords, supersedes } from '../core/merge.ts';
import { StoreError } from '../core/errors.ts';
import type { StoredRecord } from '../core/record.ts';
import { partitionOf } from '../core/token.ts';
import { collidingKeys, digestOf, keyText, recordOf } from './store-contract-records.ts';
import type { WithStore } from './store-contract.ts';
import type { Store } from './store.ts';

async function assertHolds(store: Store, expected: StoredRecord): Promise<void> {
  const held = await store.get(expected.key, expected.token);
  assert.ok(held !== undefined, `${keyText(expected.key)} is held`);
  assert.deepEqual(Buffer.from(held.bytes), Buffer.from(expected.bytes));
  const digest = await store.digest(expected.key, expected.token);
  assert.ok(digest !== undefined);
  assert.deepEqual(digestOf(digest), digestOf(expected.version));
}

export function contractOfMerging(withStore: WithStore): void {
  withStore('an empty store holds nothing', async (store) => {
    const { key, token } = recordOf({ key: 'absent' });
    assert.equal(await store.get(key, token), undefined);
    assert.equal(await store.digest(key, token), undefined);
  });

  withStore('a merged record is read back byte for byte', async (store) => {
    const record = recordOf({ key: 'a', value: 'one', contentType: 'text/plain', counter: 7 });
    const result = await store.merge(record);
    assert.equal(result.changed, true);
    assert.deepEqual(digestOf(result.held), digestOf(record.version));
    await assertHolds(store, record);
    const held = await store.get(record.key, record.token);
    assert.equal(held?.version.contentType, 'text/plain');
    assert.deepEqual(Buffer.from(held.version.value), Buffer.from('one'));
  });

  withStore('an older record changes nothing, and the answer says what is held', async (store) => {
    const newer = recordOf({ key: 'a', value: 'new', wallMs: 2_000 });
    await store.merge(newer);
    const result = await store.merge(recordOf({ key: 'a', value: 'old', wallMs: 1_000 }));
    assert.equal(result.changed, false);
    assert.deepEqual(digestOf(result.held), digestOf(newer.version));
    await assertHolds(store, newer);
  });

  withStore('the same record again changes nothing', async (store) => {
    const record = recordOf({ key: 'a', value: 'one' });
    assert.equal((await store.merge(record)).changed, true);
    assert.equal((await store.merge(record)).changed, false);
    assert.equal((await store.merge(recordOf({ key: 'a', value: 'one' }))).changed, false);
    await assertHolds(store, record);
  });

  withStore('a newer record replaces an older one of any length', async (store) => {
    for (const [index, value] of ['short', 'a much longer value than before', ''].entries()) {
      const record = recordOf({ key: 'a', value, wallMs: 1_000 + index });
      assert.equal((await store.merge(record)).changed, true);
      await assertHolds(store, record);
    }
  });

  withStore('the counter, then the actor, orders versions of one millisecond', async (store) => {
    const first = recordOf({ key: 'a', counter: 1, actor: 'n9.test' });
    const second = recordOf({ key: 'a', counter: 2, actor: 'n1.test' });
    const third = recordOf({ key: 'a', counter: 2, actor: 'n2.test' });
    await store.merge(third);
    assert.equal((await store.merge(first)).changed, false);
    assert.equal((await store.merge(second)).changed, false);
    await assertHolds(store, third);
  });

  withStore('two contents under one dot end up the same whichever came first', async (store) => {
    const left = recordOf({ key: 'a', value: 'left' });
    const right = recordOf({ key: 'a', value: 'right' });
    await store.merge(left);
    await store.merge(right);
    await assertHolds(store, mergeRecords(left, right));
    await store.merge(left);
    await assertHolds(store, mergeRecords(left, right));
  });

  withStore('a tombstone wins over an older value and is kept as a record', async (store) => {
    await store.merge(recordOf({ key: 'a', value: 'one', wallMs: 1_000 }));
    const tombstone = recordOf({ key: 'a', tombstone: true, wallMs: 2_000 });
    await store.merge(tombstone);
    await assertHolds(store, tombstone);
    assert.equal((await store.merge(recordOf({ key: 'a', value: 'late', wallMs: 1_500 }))).changed, false);
    await assertHolds(store, tombstone);
    const reborn = recordOf({ key: 'a', value: 'again', wallMs: 3_000 });
    await store.merge(reborn);
    await assertHolds(store, reborn);
  });

  withStore('expiry is kept in the digest, however far away, and over a reopen', async (store, harness) => {
    const soon = recordOf({ key: 'soon', expiresAtMs: 5 });
    const late = recordOf({ key: 'late', expiresAtMs: 2 ** 48 - 1, value: 'x' });
    await Promise.all([store.merge(soon), store.merge(late)]);
    await assertHolds(store, soon);
    await assertHolds(store, late);
    const reopened = await harness.reopen();
    await assertHolds(reopened, soon);
    await assertHolds(reopened, late);
  });

  withStore('an empty value is a value', async (store) => {
    const record = recordOf({ key: 'empty', value: '', contentType: 'text/plain' });
    await store.merge(record);
    await assertHolds(store, record);
    assert.equal((await store.get(record.key, record.token))?.version.tombstone, false);
  });

  withStore('keys are any bytes, and none is another', async (store, harness) => {
    const keys = [
      ...[[0xff], [0xfe], [0x00], [0x00, 0x00], [0x2f], [0x61, 0x2f], [0x61], [0x61, 0x00]],
      ...[[0xc3, 0x28], [0xef, 0xbf, 0xbd], new Array<number>(4096).fill(0xff)],
    ].map((bytes) => Uint8Array.from(bytes));
    const records = keys.map((key, index) => recordOf({ key, value: `value ${index}` }));
    await Promise.all(records.map((record) => store.merge(record)));
    for (const record of records) await assertHolds(store, record);
    const reopened = await harness.reopen();
    for (const record of records) await assertHolds(reopened, record);
  });

  withStore('different keys of one token stay different keys', async (store, harness) => {
    const records = collidingKeys(20).map((key, index) => recordOf({ key, value: `value ${index}` }));
    const [absent, ...held] = records;
    assert.ok(absent !== undefined);
    assert.ok(held.every((record) => record.token.high === absent.token.high));
    assert.ok(held.every((record) => record.token.low === absent.token.low));
    await Promise.all(held.map((record) => store.merge(record)));
    for (const record of held) await assertHolds(store, record);
    assert.equal(await store.get(absent.key, absent.token), undefined);
    const reopened = await harness.reopen();
    for (const record of held) await assertHolds(reopened, record);
    assert.equal(await reopened.digest(absent.key, absent.token), undefined);
  });

  withStore('large values are read back whole', async (store, harness) => {
    const sizes = [64 * 1024 - 1, 64 * 1024, 300_000, 3 * 1024 * 1024];
    const records = sizes.map((size, index) =>
      recordOf({ key: `large ${size}`, value: patterned(size, index) }),
    );
    await Promise.all(records.map((record) => store.merge(record)));
    for (const record of records) await assertHolds(store, record);
    const reopened = await harness.reopen();
    for (const record of records) await assertHolds(reopened, record);
  });

  withStore('a record that was handed out does not change under a later merge', async (store) => {
    const first = recordOf({ key: 'a', value: 'first', wallMs: 1_000 });
    await store.merge(first);
    const handedOut = await store.get(first.key, first.token);
    await store.merge(recordOf({ key: 'a', value: 'other', wallMs: 2_000 }));
    assert.deepEqual(Buffer.from(handedOut?.bytes ?? []), Buffer.from(first.bytes));
  });

  withStore('concurrent merges on one key end with the greatest', async (store) => {
    const records = Array.from({ length: 200 }, (_, index) =>
      recordOf({ key: 'hot', wallMs: 1_000 + ((index * 77) % 200), value: `value ${index}` }),
    );
    const results = await Promise.all(records.map((record) => store.merge(record)));
    for (const [index, record] of records.entries()) {
      const held = results[index]?.held;
      assert.ok(held !== undefined && !supersedes(record.version, held), 'the answer is not older');
    }
    await assertHolds(store, records.reduce(mergeRecords));
  });

  withStore('concurrent merges on many keys are all held', async (store) => {
    const records = Array.from({ length: 1_000 }, (_, index) =>
      recordOf({ key: `key ${index}`, value: `value ${index}` }),
    );
    const results = await Promise.all(records.map((record) => store.merge(record)));
    assert.ok(results.every((result) => result.changed));
    for (const record of records) await assertHolds(store, record);
  });

  withStore('records merged at once are each judged by themselves', async (store, harness) => {
    const held = recordOf({ key: 'held', value: 'held', wallMs: 5_000 });
    await store.merge(held);
    const older = recordOf({ key: 'held', value: 'older', wallMs: 4_000 });
    const first = recordOf({ key: 'a', value: 'first', wallMs: 1_000 });
    const second = recordOf({ key: 'a', value: 'second', wallMs: 2_000 });
    const other = recordOf({ key: 'b', value: 'other' });
    const outcomes = await store.mergeAll([older, first, second, first, other]);
    const changed = outcomes.map((outcome) => outcome instanceof Error || outcome.changed);
    assert.deepEqual(changed, [false, true, true, false, true]);
    const [ofOlder, , , ofRepeated] = outcomes;
    assert.ok(ofOlder !== undefined && 'held' in ofOlder);
    assert.deepEqual(digestOf(ofOlder.held), digestOf(held.version));
    assert.ok(ofRepeated !== undefined && 'held' in ofRepeated);
    assert.deepEqual(digestOf(ofRepeated.held), digestOf(second.version));
    const reopened = await harness.reopen();
    for (const record of [held, second, other]) await assertHolds(reopened, record);
    assert.deepEqual(await reopened.mergeAll([]), []);
  });

  withStore(
    'of records merged at once one that is refused leaves the others alone',
    async (store, harness) => {
      const floorMs = 10_000;
      const stale = recordOf({ key: 'a', value: 'stale', wallMs: floorMs - 1 });
      const { token } = stale;
      await store.raiseFloors([{ partition: partitionOf(token, harness.partitions), floorMs }]);
      store.setRefill(partitionOf(token, harness.partitions), false);
      const fine = recordOf({ key: 'b', value: 'fine', wallMs: floorMs + 1 });
      const also = recordOf({ key: 'a', value: 'also', wallMs: floorMs + 1 });
      const outcomes = await store.mergeAll([fine, stale, also]);
      const [ofFine, ofStale, ofAlso] = outcomes;
      assert.ok(ofStale instanceof StoreError);
      assert.equal(ofStale.code, 'STALE_VERSION');
      for (const outcome of [ofFine, ofAlso]) {
        assert.ok(outcome !== undefined && 'changed' in outcome && outcome.changed);
      }
      for (const record of [fine, also]) await assertHolds(store, record);
    },
  );

  withStore('any order, repeats included, ends in the same bytes', async (store) => {
    let run = 0;
    const sketch = fc.record({
      key: fc.constantFrom('a', 'b'),
      wallMs: fc.integer({ min: 1, max: 3 }),
      counter: fc.integer({ min: 0, max: 1 }),
      actor: fc.constantFrom('n1.x', 'n2.x'),
      value: fc.constantFrom('', 'one', 'two'),
      tombstone: fc.boolean(),
      expiresAtMs: fc.constantFrom(0, 9_000),
    });
    const property = fc.asyncProperty(
      fc.array(sketch, { minLength: 1, maxLength: 12 }),
      fc.boolean(),
      async (sketches, atOnce) => {
        // Each run has keys of its own, so that one store serves them all.
        const prefix = `run ${run++} `;
        const records = sketches.map((each) => recordOf({ ...each, key: prefix + each.key }));
        const given = [...records, ...[...records].reverse()];
        if (atOnce) await Promise.all(given.map((record) => store.merge(record)));
        else for (const record of given) await store.merge(record);
        const expected = new Map<string, StoredRecord>();
        for (const record of records) {
          const before = expected.get(keyText(record.key));
          expected.set(keyText(record.key), before === undefined ? record : mergeRecords(before, record));
        }
        for (const record of expected.values()) await assertHolds(store, record);
      },
    );
    await fc.assert(property, { numRuns: 40 });
  });
}

/** Bytes that repeat at no power of two, so that a misplaced block shows. */
function patterned(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (index * 31 + (index >>> 8) + seed) & 0xff);
}
