/**
 * The real disk: the `Disk` port over one directory of the file system.
 *
 * Nothing outside that directory is touched, whatever the path says; what the directory is for is
 * guarded by a lock file per process (see `directory-lock.ts`).
 */

import { close, fsync, open } from 'node:fs';
import { link, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { Disk, DiskEntry, DiskFile, ReleaseLock } from '../ports/disk.ts';
import { checkDiskPath } from '../ports/disk-path.ts';
import { lockDirectory } from './directory-lock.ts';
import { diskError, errnoOf, type DiskOperation } from './disk-error.ts';
import { OpenFile } from './open-file.ts';
import { completed, promised } from './promised.ts';

const flagsOfMode = { create: 'w+', readwrite: 'r+', read: 'r' } as const;

export interface FileDiskOptions {
  /** The data directory; made by `lock` or `makeDirectory` if it is missing. */
  readonly root: string;
  /**
   * Told when somebody removed this process' lock file while it held it: a second process may then
   * be writing to the same directory, so stopping at once is the right answer.
   */
  readonly onLockLost?: (message: string) => void;
}

export class FileDisk implements Disk {
  readonly #root: string;
  readonly #onLockLost: (message: string) => void;

  constructor(options: FileDiskOptions) {
    this.#root = resolve(options.root);
    this.#onLockLost = options.onLockLost ?? (() => {});
  }

  async lock(): Promise<ReleaseLock> {
    await this.#makeRoot();
    return lockDirectory(this.#root, { onLost: this.#onLockLost });
  }

  async makeDirectory(path: string): Promise<void> {
    const full = this.#resolve(path);
    await attempt('write', `make the folder ${full}`, () => mkdir(full, { recursive: true }));
  }

  async list(path: string): Promise<readonly DiskEntry[]> {
    const full = this.#resolve(path);
    try {
      const entries = await readdir(full, { withFileTypes: true });
      return entries.map((entry) => ({ name: entry.name, isDirectory: entry.isDirectory() }));
    } catch (cause) {
      if (errnoOf(cause) === 'ENOENT') return [];
      throw diskError('read', `list the folder ${full}`, cause);
    }
  }

  async open(path: string, mode: 'create' | 'readwrite' | 'read'): Promise<DiskFile> {
    const fullPath = this.#resolve(path);
    const descriptor = await attempt(mode === 'create' ? 'write' : 'read', `open ${fullPath}`, () =>
      promised<number>((done) => open(fullPath, flagsOfMode[mode], done)),
    );
    return new OpenFile({ path, fullPath, descriptor });
  }

  async rename(from: string, to: string): Promise<void> {
    const fullFrom = this.#resolve(from);
    const fullTo = this.#resolve(to);
    await attempt('write', `rename ${fullFrom} to ${fullTo}`, () => rename(fullFrom, fullTo));
  }

  async link(from: string, to: string): Promise<void> {
    const fullFrom = this.#resolve(from);
    const fullTo = this.#resolve(to);
    await attempt('write', `link ${fullFrom} as ${fullTo}`, () => link(fullFrom, fullTo));
  }

  async remove(path: string): Promise<void> {
    const full = this.#resolve(path);
    await attempt('write', `remove ${full}`, () => rm(full, { force: true }));
  }

  async syncDirectory(path: string): Promise<void> {
    const full = this.#resolve(path);
    await attempt('sync', `sync the folder ${full}`, () => syncFolder(full));
  }

  /** The data directory's own name, and its new parents', are as mortal as any until synced. */
  async #makeRoot(): Promise<void> {
    const action = `make the data directory ${this.#root}`;
    const firstMade = await attempt('write', action, () => mkdir(this.#root, { recursive: true }));
    if (firstMade === undefined) return;
    let folder = this.#root;
    while (folder.length >= firstMade.length) {
      folder = dirname(folder);
      await syncFolder(folder).catch((cause: unknown) => {
        throw diskError('sync', action, cause);
      });
    }
  }

  #resolve(path: string): string {
    return join(this.#root, checkDiskPath(path));
  }
}

async function syncFolder(fullPath: string): Promise<void> {
  // Windows cannot open a folder for syncing; its file systems journal names by themselves.
  if (process.platform === 'win32') return;
  const descriptor = await promised<number>((done) => open(fullPath, 'r', done));
  try {
    await completed((done) => fsync(descriptor, done));
  } finally {
    await completed((done) => close(descriptor, done));
  }
}

async function attempt<Result>(
  operation: DiskOperation,
  action: string,
  body: () => Promise<Result>,
): Promise<Result> {
  try {
    return await body();
  } catch (cause) {
    throw diskError(operation, action, cause);
  }
}
