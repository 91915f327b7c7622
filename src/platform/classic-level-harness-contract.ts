/**
 * `classic-level` on a temporary directory, for the store contract and the differential test.
 *
 * A SIGKILL leaves what the kernel holds: all bytes that were written, none that were still in the
 * process. So a crash is a copy of the directory while the store lives on; the store is abandoned
 * then, and the copy opened.
 */

import { cp, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { ClassicLevel } from 'classic-level';

import type { StoredRecord } from '../core/record.ts';
import { silentObserver } from '../ports/observer.ts';
import type { ContractOptions, StoreHarness } from '../storage/store-contract.ts';
import type { Store } from '../storage/store.ts';
import { ownSpace, recordKind, rowKey } from './classic-level-rows.ts';
import {
  classicLevelFolder,
  openClassicLevelStore,
  type ClassicLevelStoreOptions,
} from './classic-level-store.ts';
import { SystemClock } from './system-clock.ts';
import { zlibChecksum } from './zlib-checksum.ts';

export class ClassicLevelHarness implements StoreHarness {
  readonly partitions = 16;
  readonly #root: string;
  readonly #writeBufferBytes: number | undefined;
  #life = 0;
  #store: Store | undefined;
  #options: ContractOptions = {};
  readonly #abandoned: Store[] = [];

  private constructor(root: string, writeBufferBytes: number | undefined) {
    this.#root = root;
    this.#writeBufferBytes = writeBufferBytes;
  }

  static async create(options: { readonly writeBufferBytes?: number } = {}): Promise<ClassicLevelHarness> {
    const root = await mkdtemp(join(tmpdir(), 'mini-dynamo-classic-level-'));
    return new ClassicLevelHarness(root, options.writeBufferBytes);
  }

  /** The data directory of the store that is open now. */
  get dataDirectory(): string {
    return join(this.#root, `life-${this.#life}`);
  }

  async open(options: ContractOptions = {}): Promise<Store> {
    this.#options = options;
    this.#store = await this.#openAt(this.dataDirectory);
    return this.#store;
  }

  async reopen(): Promise<Store> {
    await this.#store?.close();
    return this.open(this.#options);
  }

  async crash(): Promise<Store> {
    const killed = this.dataDirectory;
    if (this.#store !== undefined) this.#abandoned.push(this.#store);
    this.#life += 1;
    await copyStable(killed, this.dataDirectory);
    return this.open(this.#options);
  }

  async rot(record: StoredRecord): Promise<Store> {
    await this.#store?.close();
    const location = join(this.dataDirectory, classicLevelFolder);
    const database = new ClassicLevel<Uint8Array, Uint8Array>(location, {
      keyEncoding: 'view',
      valueEncoding: 'view',
    });
    const row = rowKey(recordKind, ownSpace, record.token, record.key);
    const value = Uint8Array.from((await database.get(row)) ?? []);
    value[value.length - 1] = (value.at(-1) ?? 0) ^ 1;
    await database.put(row, value);
    await database.close();
    return await this.open(this.#options);
  }

  openBackup(path: string): Promise<Store> {
    return this.#openAt(join(this.dataDirectory, path));
  }

  async dispose(): Promise<void> {
    await this.#store?.close();
    for (const store of this.#abandoned) await store.close();
    await rm(this.#root, { recursive: true, force: true });
  }

  #openAt(dataDirectory: string): Promise<Store> {
    return openClassicLevelForTest({
      dataDirectory,
      partitions: this.partitions,
      ...(this.#writeBufferBytes === undefined ? {} : { writeBufferBytes: this.#writeBufferBytes }),
      ...this.#options,
    });
  }
}

/** Opens a store with the machine's clock and settings that do for any test. */
export function openClassicLevelForTest(
  options: Pick<ClassicLevelStoreOptions, 'dataDirectory'> & Partial<ClassicLevelStoreOptions>,
): Promise<Store> {
  return openClassicLevelStore({
    clock: new SystemClock(),
    observer: silentObserver,
    checksum: zlibChecksum,
    partitions: 16,
    durability: { mode: 'always' },
    ...options,
  });
}

/** Copies the database as of one instant: again from the start when a file came, went or grew meanwhile. */
async function copyStable(from: string, to: string): Promise<void> {
  const folder = join(from, classicLevelFolder);
  for (;;) {
    try {
      const before = await listing(folder);
      await rm(to, { recursive: true, force: true });
      await cp(folder, join(to, classicLevelFolder), { recursive: true });
      if ((await listing(folder)) === before) return;
    } catch (error) {
      // LevelDB removed a file between the listing and the look at it.
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
    }
  }
}

async function listing(folder: string): Promise<string> {
  const names = (await readdir(folder)).sort();
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(folder, name))).size));
  return names.map((name, index) => `${name} ${sizes[index]}`).join('\n');
}
