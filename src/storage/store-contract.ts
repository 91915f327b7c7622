/**
 * The contract of `Store` as tests: whatever engine passes it can stand under a replica.
 *
 * The engine under test comes as a harness that can open it, open it again after a clean close, and
 * open what a crash leaves. The themes lie in files of their own, beside this one; each test gets a
 * harness with an empty disk. Failing properties print their seed.
 */

import { describe, test } from 'node:test';

import type { Durability } from '../core/config.ts';
import type { StoredRecord } from '../core/record.ts';
import { contractOfDamage } from './store-contract-damage.ts';
import { contractOfDurability } from './store-contract-durability.ts';
import { contractOfEvidence } from './store-contract-evidence.ts';
import { contractOfFloors } from './store-contract-floor.ts';
import { contractOfHints } from './store-contract-hints.ts';
import { contractOfMerging } from './store-contract-merge.ts';
import { contractOfRemoval } from './store-contract-removal.ts';
import { contractOfScans } from './store-contract-scan.ts';
import { contractOfScrubs } from './store-contract-scrub.ts';
import { contractOfStatus } from './store-contract-status.ts';
import { contractOfTrees } from './store-contract-tree.ts';
import type { Store } from './store.ts';

/** Settings that the contract varies; everything else is the engine's default. */
export interface ContractOptions {
  /** Default `always`. */
  readonly durability?: Durability;
  readonly hintBytesPerTargetMax?: number;
  readonly hintBytesMax?: number;
}

/** One disk and the store on it. The store that `open` and its kin return replaces the one before. */
export interface StoreHarness {
  /** Partitions that the stores are opened with; a power of two, at least 4. */
  readonly partitions: number;
  /** Opens a store on the empty disk; called once. */
  open(options?: ContractOptions): Promise<Store>;
  /** Closes the store cleanly and opens it again with the same options. */
  reopen(): Promise<Store>;
  /** Kills the store as it stands, loses what a crash loses, and opens what is left. */
  crash(): Promise<Store>;
  /** Flips a bit in the value of a record of the own space, on the disk; the store that it returns has not read it since. */
  rot(record: StoredRecord): Promise<Store>;
  /** Opens a folder written by `Store.backup` as a data directory of its own; the caller closes it. */
  openBackup(path: string): Promise<Store>;
  /** Closes what is open and removes all traces. */
  dispose(): Promise<void>;
}

export type StoreFactory = () => Promise<StoreHarness>;

/** Runs a body with a store of its own; every contract test is written with it. */
export type WithStore = (
  title: string,
  body: (store: Store, harness: StoreHarness) => Promise<void>,
  options?: ContractOptions,
) => void;

/** Declares the whole suite for one engine; `name` heads its report. */
export function storeContract(name: string, factory: StoreFactory): void {
  const withStore: WithStore = (title, body, options) => {
    test(title, async () => {
      const harness = await factory();
      try {
        await body(await harness.open(options), harness);
      } finally {
        await harness.dispose();
      }
    });
  };
  describe(`store contract: ${name}`, () => {
    describe('merging', () => contractOfMerging(withStore));
    describe('scans', () => contractOfScans(withStore));
    describe('sums and ranges', () => contractOfTrees(withStore));
    describe('evidence', () => contractOfEvidence(withStore));
    describe('hints', () => contractOfHints(withStore));
    describe('removal', () => contractOfRemoval(withStore));
    describe('stability floors', () => contractOfFloors(withStore));
    describe('durability', () => contractOfDurability(withStore));
    describe('damage', () => contractOfDamage(withStore));
    describe('scrubs', () => contractOfScrubs(withStore));
    describe('status and close', () => contractOfStatus(withStore));
  });
}
