/**
 * Store contract, evidence: whether a store may miss what was acknowledged, and why, is known after any restart.
 *
 * A node that forgets that it lost something answers "not found" for what others were promised.
 */

import assert from 'node:assert/strict';

import { recordOf } from './store-contract-records.ts';
import type { WithStore } from './store-contract.ts';
import type { EvidenceCause, Store } from './store.ts';

function causeOf(store: Store): false | EvidenceCause {
  return store.status().evidenceLost;
}

export function contractOfEvidence(withStore: WithStore): void {
  withStore(
    'a store on an empty disk is fresh, and stays so until its evidence is restored',
    async (store, harness) => {
      assert.equal(causeOf(store), 'fresh');
      const crashed = await harness.crash();
      assert.equal(causeOf(crashed), 'fresh');
      await crashed.merge(recordOf({ key: 'a' }));
      assert.equal(causeOf(await harness.reopen()), 'fresh');
      const again = await harness.crash();
      assert.equal(causeOf(again), 'fresh');
      await again.restoreEvidence();
      assert.equal(causeOf(again), false);
    },
  );

  withStore('restored evidence is remembered, even by a store that holds nothing', async (store, harness) => {
    await store.restoreEvidence();
    assert.equal(causeOf(store), false);
    const crashed = await harness.crash();
    assert.equal(causeOf(crashed), false);
    assert.equal(causeOf(await harness.reopen()), false);
  });

  for (const cause of ['lost', 'rolled-back', 'damaged'] as const) {
    withStore(
      `evidence that was lost, because ${cause}, is lost after a crash and a reopen`,
      async (store, harness) => {
        await store.loseEvidence(cause);
        assert.equal(causeOf(store), cause);
        const crashed = await harness.crash();
        assert.equal(causeOf(crashed), cause);
        await crashed.merge(recordOf({ key: 'a' }));
        const reopened = await harness.reopen();
        assert.equal(causeOf(reopened), cause);
        await reopened.restoreEvidence();
        assert.equal(causeOf(await harness.crash()), false);
      },
    );
  }

  withStore('the first loss is the one that is remembered', async (store, harness) => {
    await store.restoreEvidence();
    await store.loseEvidence('rolled-back');
    for (const later of ['fresh', 'lost', 'damaged'] as const) await store.loseEvidence(later);
    assert.equal(causeOf(store), 'rolled-back');
    assert.equal(causeOf(await harness.crash()), 'rolled-back');
  });
}
