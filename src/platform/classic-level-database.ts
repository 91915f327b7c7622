/**
 * The native database under the `classic-level` engine, opened so that it can be opened again.
 *
 * After a failed write LevelDB goes on in its log behind the half-written record, and at the next start drops
 * what follows it, synced or not: on a disk that was full for a moment, 39 of 40 runs lost acknowledged writes.
 * So after a failure nothing is written any more until the database was closed and recovered (`reopen`), which
 * cuts that record off. Reads wait meanwhile, and those under way are waited for.
 *
 * LevelDB starts a new log file without syncing the one before: under `interval` and `never`, what that one
 * held is durable only once its table file is written, some tens of milliseconds later. `flush` waits for it.
 */

import { readdir, readFile, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';

import { ClassicLevel } from 'classic-level';

import { StoreError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { QuarantinedRange } from '../storage/store.ts';
import type { RowChange } from './classic-level-commit.ts';
import { databaseError, type DatabaseOperation } from './classic-level-errors.ts';
import { emptyRange, wholeRange } from './classic-level-rows.ts';

export type NativeDatabase = ClassicLevel<Uint8Array, Uint8Array>;

export interface DatabaseSize {
  readonly files: number;
  readonly bytes: number;
}

export class ClassicLevelDatabase {
  readonly location: string;
  readonly #writeBufferBytes: number | undefined;
  #native: NativeDatabase;
  #uses = 0;
  #onUnused: (() => void) | undefined;
  #reopening: Promise<void> | undefined;

  private constructor(location: string, writeBufferBytes: number | undefined) {
    this.location = location;
    this.#writeBufferBytes = writeBufferBytes;
    this.#native = newNative(this.location, this.#writeBufferBytes);
  }

  /** Opens the database in a folder, made when missing. Throws `DIRECTORY_LOCKED`, `LOG_CORRUPT` and disk errors. */
  static async open(
    location: string,
    options: { readonly writeBufferBytes?: number | undefined },
  ): Promise<ClassicLevelDatabase> {
    const database = new ClassicLevelDatabase(location, options.writeBufferBytes);
    await database.#attempt('open', () => database.#native.open());
    return database;
  }

  /** Runs something that reads; not while the database is being reopened. */
  async read<Result>(body: (native: NativeDatabase) => Promise<Result>): Promise<Result> {
    while (this.#reopening !== undefined) await this.#reopening.catch(() => {});
    this.#uses += 1;
    try {
      return await this.#attempt('read', () => body(this.#native));
    } finally {
      this.#uses -= 1;
      if (this.#uses === 0) this.#onUnused?.();
    }
  }

  /** Writes atomically. After a rejection nothing more may be written before `reopen`. */
  async write(changes: readonly RowChange[], options: { readonly sync: boolean }): Promise<void> {
    const operations = changes.map(({ row, value }) =>
      value === undefined
        ? ({ type: 'del', key: row } as const)
        : ({ type: 'put', key: row, value } as const),
    );
    await this.#attempt('write', () => this.#native.batch(operations, { sync: options.sync }));
  }

  /** Makes everything written durable as table files, so that the next start has no log to replay. */
  async flush(): Promise<void> {
    await this.#attempt('write', () => this.#native.compactRange(emptyRange.start, emptyRange.end));
  }

  /** Rewrites all tables, without what was removed or replaced. */
  async compact(): Promise<void> {
    await this.#attempt('write', () => this.#native.compactRange(wholeRange.start, wholeRange.end));
  }

  /** Closes and recovers the database after a failed write. Throws `DISK_FULL` while there is no space for it. */
  async reopen(): Promise<void> {
    const { bavail, bsize } = await this.#attempt('write', () => statfs(this.location));
    if (bavail * bsize < limits.databaseReopenBytesMin) {
      throw new StoreError(
        'DISK_FULL',
        `the file system of ${this.location} has ${bavail * bsize} bytes free; writes go on by themselves once ` +
          `there are ${limits.databaseReopenBytesMin}`,
        { retryable: true },
      );
    }
    this.#reopening = this.#recover();
    try {
      await this.#reopening;
    } finally {
      this.#reopening = undefined;
    }
  }

  /** Copies every row, as of now, into a new database of its own. */
  async copyTo(location: string): Promise<void> {
    await this.read(async (native) => {
      const copy = newNative(location, undefined);
      // Taken before the first wait: what was acknowledged before the call is in it.
      await using snapshot = native.snapshot();
      await this.#attempt('write', async () => {
        await copy.open({ errorIfExists: true });
        try {
          await copyRows(native.iterator({ snapshot }), copy);
        } finally {
          await copy.close();
        }
      });
    });
  }

  async close(): Promise<void> {
    await this.#attempt('write', () => this.#native.close());
  }

  async size(): Promise<DatabaseSize> {
    let files = 0;
    let bytes = 0;
    for (const name of await readdir(this.location)) {
      if (!/\.(ldb|sst|log)$/.test(name)) continue;
      // A compaction may remove a file between the two calls.
      const found = await stat(join(this.location, name)).catch(() => undefined);
      if (found === undefined) continue;
      files += 1;
      bytes += found.size;
    }
    return { files, bytes };
  }

  /** What LevelDB dropped from its log when it was opened, by its own protocol file. */
  async droppedRanges(): Promise<readonly QuarantinedRange[]> {
    const protocol = await readFile(join(this.location, 'LOG'), 'utf8').catch(() => '');
    const dropped: QuarantinedRange[] = [];
    for (const match of protocol.matchAll(/([^/\s]+\.log): dropping (\d+) bytes; (.*)/g)) {
      // LevelDB names the file and the length, but not the offset.
      dropped.push({ file: match[1] ?? '', offset: 0, bytes: Number(match[2]), reason: match[3] ?? '' });
    }
    return dropped;
  }

  /** One of LevelDB's properties, empty while it is closed. */
  property(name: string): string {
    return this.#native.status === 'open' ? this.#native.getProperty(name) : '';
  }

  async #recover(): Promise<void> {
    if (this.#uses > 0) await new Promise<void>((resolve) => (this.#onUnused = resolve));
    this.#onUnused = undefined;
    await this.#attempt('open', async () => {
      await this.#native.close();
      this.#native = newNative(this.location, this.#writeBufferBytes);
      await this.#native.open();
    });
  }

  async #attempt<Result>(operation: DatabaseOperation, body: () => Promise<Result>): Promise<Result> {
    try {
      return await body();
    } catch (error) {
      throw databaseError(operation, this.location, error);
    }
  }
}

function newNative(location: string, writeBufferBytes: number | undefined): NativeDatabase {
  return new ClassicLevel(location, {
    keyEncoding: 'view',
    valueEncoding: 'view',
    ...(writeBufferBytes === undefined ? {} : { writeBufferSize: writeBufferBytes }),
  });
}

async function copyRows(
  rows: AsyncIterable<[Uint8Array, Uint8Array]>,
  target: NativeDatabase,
): Promise<void> {
  let batch: { type: 'put'; key: Uint8Array; value: Uint8Array }[] = [];
  let bytes = 0;
  for await (const [key, value] of rows) {
    batch.push({ type: 'put', key, value });
    bytes += key.length + value.length;
    if (bytes < limits.backupBatchBytes) continue;
    await target.batch(batch);
    batch = [];
    bytes = 0;
  }
  await target.batch(batch);
  // Written out as table files, which LevelDB syncs: the copy is durable as a whole.
  await target.compactRange(emptyRange.start, emptyRange.end);
}
