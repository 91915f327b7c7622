/**
 * Store contract, damage: what can't be read is listed, refuses its key, and gives way to older records only when it is
 * told to, over restarts too.
 */

import assert from 'node:assert/strict';

import type { StoredRecord } from '../core/record.ts';
import { emptySum } from '../core/version-sum.ts';
import { recordOf, sumOfScan, wholeRing, wholeSum } from './store-contract-records.ts';
import type { StoreHarness, WithStore } from './store-contract.ts';
import type { DamagedVersion, Store } from './store.ts';

const older = recordOf({ key: 'k', value: 'older', wallMs: 1_500 });
const rotten = recordOf({ key: 'k', value: 'rotten', wallMs: 1_600 });
const other = recordOf({ key: 'other', value: 'intact', wallMs: 1_550 });

async function held(store: Store, record: StoredRecord): Promise<number | undefined> {
  return (await store.get(record.key, record.token))?.version.dot.wallMs;
}

async function refuses(store: Store): Promise<void> {
  await assert.rejects(Promise.resolve(store.get(rotten.key, rotten.token)), { code: 'RECORD_CORRUPT' });
}

/** A store that knows of one damaged version, and what it lists of it. */
async function damaged(
  store: Store,
  harness: StoreHarness,
): Promise<{ readonly store: Store; readonly version: DamagedVersion }> {
  for (const record of [rotten, other]) await store.merge(record);
  // A start that reads the log anew finds the damage itself; from a checkpoint it takes the version for what it was.
  await store.checkpoint();
  const opened = await harness.rot(rotten);
  await refuses(opened);
  const [version, ...more] = await opened.listDamaged(wholeRing, 10);
  assert.ok(version !== undefined && more.length === 0);
  return { store: opened, version };
}

export function contractOfDamage(withStore: WithStore): void {
  withStore('what is damaged is listed, and nothing else', async (store, harness) => {
    assert.deepEqual(await store.listDamaged(wholeRing, 10), []);
    const { store: opened, version } = await damaged(store, harness);
    const { token, wallMs, counter, checksum } = version;
    assert.deepEqual({ token, wallMs, counter }, { token: rotten.token, wallMs: 1_600, counter: 0 });
    assert.equal(checksum, rotten.version.checksum);
    const range = { first: other.token, last: other.token };
    assert.deepEqual(await opened.listDamaged(range, 10), []);
    assert.deepEqual(await opened.listDamaged(wholeRing, 0), []);
    await opened.merge(rotten);
    assert.deepEqual(await opened.listDamaged(wholeRing, 10), []);
  });

  withStore('an older record loses against what is damaged, and hears so', async (store, harness) => {
    const { store: opened } = await damaged(store, harness);
    const { changed, isDamaged } = await opened.merge(older);
    assert.deepEqual({ changed, isDamaged }, { changed: false, isDamaged: true });
    await refuses(opened);
    assert.equal((await opened.merge(recordOf({ key: 'other', wallMs: 1_500 }))).isDamaged ?? false, false);
  });

  withStore(
    'an older record takes the place of what is damaged when it is told to',
    async (store, harness) => {
      const { store: opened, version } = await damaged(store, harness);
      assert.equal(await opened.replaceDamaged(version, [older, other]), true);
      for (const life of [
        () => opened,
        () => harness.crash(),
        () => harness.reopen(),
        () => harness.crash(),
      ]) {
        const now: Store = await life();
        assert.equal(await held(now, older), 1_500);
        assert.equal(await held(now, other), 1_550);
        assert.deepEqual(await now.listDamaged(wholeRing, 10), []);
        assert.deepEqual(await wholeSum(now), await sumOfScan(now));
        assert.equal(now.status().keys, 2);
      }
      const last = await harness.reopen();
      assert.equal((await last.merge(recordOf({ key: 'k', value: 'between', wallMs: 1_550 }))).changed, true);
      assert.equal(await held(last, older), 1_550);
    },
  );

  withStore('what nobody holds is forgotten when it is told to', async (store, harness) => {
    const { store: opened, version } = await damaged(store, harness);
    assert.equal(await opened.replaceDamaged(version, []), true);
    for (const life of [() => opened, () => harness.crash(), () => harness.reopen(), () => harness.crash()]) {
      const now: Store = await life();
      assert.equal(await held(now, rotten), undefined);
      assert.equal(await held(now, other), 1_550);
      assert.equal((await wholeSum(now)).count, 1);
      assert.notDeepEqual(await wholeSum(now), emptySum);
      assert.equal(now.status().keys, 1);
    }
  });

  withStore('nobody finds nothing while an older record takes its place', async (store, harness) => {
    const { store: opened, version } = await damaged(store, harness);
    const replaced = opened.replaceDamaged(version, [older]);
    let isOver = false;
    void replaced.finally(() => (isOver = true));
    const seen = new Set<string>();
    while (!isOver) {
      seen.add(
        await held(opened, rotten).then(
          (wallMs) => String(wallMs),
          () => 'refused',
        ),
      );
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.equal(await replaced, true);
    assert.deepEqual(
      [...seen].filter((each) => each !== 'refused' && each !== '1500'),
      [],
    );
  });

  withStore('what was written over the damage stays', async (store, harness) => {
    const { store: opened, version } = await damaged(store, harness);
    const newer = recordOf({ key: 'k', value: 'newer', wallMs: 1_700 });
    await opened.merge(newer);
    assert.equal(await opened.replaceDamaged(version, [older]), false);
    assert.equal(await held(opened, newer), 1_700);
    assert.equal(await held(await harness.crash(), newer), 1_700);
  });

  withStore('what is healed at the same time stays', async (store, harness) => {
    const { store: opened, version } = await damaged(store, harness);
    await Promise.all([opened.merge(rotten), opened.replaceDamaged(version, [older])]);
    assert.equal(await held(opened, rotten), 1_600);
  });

  withStore('what was readable since it was listed stays as it is', async (store, harness) => {
    const { store: opened, version } = await damaged(store, harness);
    const since = { ...version, recoveries: version.recoveries - 1 };
    assert.equal(await opened.replaceDamaged(since, [older]), false);
    await refuses(opened);
  });

  withStore('what is forgotten below the floor is not put in its place', async (store, harness) => {
    const { store: opened, version } = await damaged(store, harness);
    await opened.raiseFloors(
      Array.from({ length: harness.partitions }, (_, partition) => ({ partition, floorMs: 1_550 })),
    );
    const tombstone = recordOf({ key: 'k', tombstone: true, wallMs: 1_500 });
    assert.equal(await opened.replaceDamaged(version, [tombstone]), true);
    assert.equal(await held(opened, tombstone), undefined);
  });
}
