/**
 * The log engine on a simulated disk, for the store contract, the differential test and its own tests.
 *
 * Time is real here but nothing waits for it: turns are turns of the event loop.
 */

import type { StoredRecord } from '../core/record.ts';
import type { Clock } from '../ports/clock.ts';
import type { Disk } from '../ports/disk.ts';
import { zlibChecksum } from '../platform/zlib-checksum.ts';
import { silentObserver } from '../ports/observer.ts';
import { SimDisk } from '../sim/sim-disk.ts';
import { SimRandom } from '../sim/sim-random.ts';
import type { LogStoreOptions } from './log-store-options.ts';
import { openLogStore, type LogStore } from './log-store.ts';
import type { ContractOptions, StoreHarness } from './store-contract.ts';

/** The real clock, for tests in which nothing depends on how much time passes. */
export const testClock: Clock = {
  wallNow: () => Date.now(),
  monotonicNow: () => performance.now(),
  startTimer: (delayMs, callback) => {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
  nextTurn: (callback) => void setImmediate(callback),
};

/** Options with which tests open the engine; those of the test win. */
export type TestOptions = Partial<Omit<LogStoreOptions, 'disk'>>;

export async function openTestStore(disk: Disk, options: TestOptions = {}): Promise<LogStore> {
  return await openLogStore({
    disk,
    clock: testClock,
    random: new SimRandom(1),
    observer: silentObserver,
    checksum: zlibChecksum,
    partitions: 16,
    durability: { mode: 'always' },
    // What is read is to be what the disk has.
    tailBytes: 0,
    ...options,
  });
}

export class LogStoreHarness implements StoreHarness {
  readonly partitions = 16;
  readonly disk = new SimDisk();
  readonly #defaults: TestOptions;
  #options: TestOptions = {};
  #store: LogStore | undefined;

  constructor(defaults: TestOptions = {}) {
    this.#defaults = defaults;
  }

  async open(options: ContractOptions = {}): Promise<LogStore> {
    this.#options = { ...this.#defaults, ...options };
    return await this.#open();
  }

  async reopen(): Promise<LogStore> {
    await this.#store?.close();
    return await this.#open();
  }

  async crash(): Promise<LogStore> {
    this.disk.crash();
    return await this.#open();
  }

  async rot(record: StoredRecord): Promise<LogStore> {
    for (const path of this.disk.paths().filter((each) => each.endsWith('.seg'))) {
      const at = Buffer.from(this.disk.readNow(path) ?? []).lastIndexOf(Buffer.from(record.bytes));
      if (at >= 0) this.disk.corrupt(path, at + record.bytes.length - 1, 1);
    }
    return await Promise.resolve(this.#store ?? this.#open());
  }

  async openBackup(path: string): Promise<LogStore> {
    return await openTestStore(below(this.disk, path), this.#options);
  }

  async dispose(): Promise<void> {
    await this.#store?.close();
  }

  async #open(): Promise<LogStore> {
    this.#store = await openTestStore(this.disk.session(), this.#options);
    return this.#store;
  }
}

/** The part of a disk below a folder, as a disk of its own. */
function below(disk: Disk, folder: string): Disk {
  const full = (path: string): string => (path === '' ? folder : `${folder}/${path}`);
  return {
    lock: () => disk.lock(),
    makeDirectory: (path) => disk.makeDirectory(full(path)),
    list: (path) => disk.list(full(path)),
    open: (path, mode) => disk.open(full(path), mode),
    rename: (from, to) => disk.rename(full(from), full(to)),
    link: (from, to) => disk.link(full(from), full(to)),
    remove: (path) => disk.remove(full(path)),
    syncDirectory: (path) => disk.syncDirectory(full(path)),
  };
}
