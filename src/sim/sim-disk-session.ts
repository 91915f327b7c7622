/**
 * A simulated disk as one incarnation of a node sees it, until the crash that ends it.
 *
 * Every operation takes effect when it completes. When the session is killed, operations under way
 * never settle, as a dead process hears nothing; what is asked of it later rejects.
 */

import { StoreError } from '../core/errors.ts';
import { checkDiskPath } from '../ports/disk-path.ts';
import type { Disk, DiskEntry, DiskFile, ReleaseLock } from '../ports/disk.ts';
import type { DiskOperation, InjectedFailure } from './disk-faults.ts';
import { SimFile } from './sim-file.ts';
import type { SimInode } from './sim-inode.ts';
import type { SimNamespace } from './sim-namespace.ts';

export interface DiskSessionParts {
  readonly namespace: SimNamespace;
  readonly schedule: (operation: DiskOperation, bytes: number, complete: () => void) => void;
  readonly observe: (operation: DiskOperation, path: string, position: number, bytes: number) => void;
  readonly afterDeath: 'reject' | 'hang';
  /** How many bytes still fit on the disk. */
  readonly roomBytes: () => number;
  /** Whether the sync of a file succeeds without making anything durable. */
  readonly syncLies: (path: string) => boolean;
  /** Counts the operation and says whether it is to fail. May kill this session. */
  readonly admit: (operation: DiskOperation, path: string) => InjectedFailure | undefined;
}

/** One operation: what it is for a trace, and what it does. */
export interface DiskStep<Result> {
  readonly operation: DiskOperation;
  readonly path: string;
  readonly position?: number;
  readonly bytes?: number;
  /** Takes effect, at completion. */
  readonly effect: () => Result;
  /** Takes its partial effect, when the operation is to fail. */
  readonly failed?: (failure: InjectedFailure) => void;
}

export class DiskSession implements Disk {
  readonly #parts: DiskSessionParts;
  #alive = true;
  #locked = false;
  #openFiles = 0;

  constructor(parts: DiskSessionParts) {
    this.#parts = parts;
  }

  kill(): void {
    this.#alive = false;
  }

  lock(): Promise<ReleaseLock> {
    return this.#run({ operation: 'lock', path: '', effect: () => this.#takeLock() });
  }

  makeDirectory(path: string): Promise<void> {
    const effect = (): void => {
      this.#parts.namespace.makeDirectory(path, () => undefined);
    };
    return this.#run({ operation: 'makeDirectory', path, effect });
  }

  list(path: string): Promise<readonly DiskEntry[]> {
    const effect = (): readonly DiskEntry[] => {
      const folder = this.#parts.namespace.entry(path);
      if (folder === undefined) return [];
      if (folder.kind === 'file') throw new StoreError('DISK_READ_FAILED', `${path}: is not a folder`);
      return Array.from(folder.entries(), ([name, entry]) => ({
        name,
        isDirectory: entry.kind === 'directory',
      }));
    };
    return this.#run({ operation: 'list', path, effect });
  }

  open(path: string, mode: 'create' | 'readwrite' | 'read'): Promise<DiskFile> {
    return this.#run({
      operation: 'open',
      path,
      effect: () => {
        const file = new SimFile(this, path, this.#openInode(path, mode), mode !== 'read');
        this.#openFiles += 1;
        return file;
      },
    });
  }

  async rename(from: string, to: string): Promise<void> {
    checkDiskPath(to);
    const effect = (): void => {
      const source = this.#parts.namespace.locate(from);
      const target = this.#parts.namespace.locate(to);
      const entry = source.parent.get(source.name);
      const replaced = target.parent.get(target.name);
      if (entry === undefined) throw new StoreError('DISK_NOT_FOUND', `${from}: no such file`);
      if (entry === replaced) return;
      if (replaced !== undefined && (replaced.kind !== entry.kind || !isReplaceable(replaced))) {
        throw new StoreError('DISK_WRITE_FAILED', `${to}: is a folder that is in the way`);
      }
      if (source.parent === target.parent) return source.parent.move(source.name, target.name, entry);
      target.parent.set(target.name, entry);
      source.parent.unset(source.name);
    };
    await this.#run({ operation: 'rename', path: from, effect });
  }

  async link(from: string, to: string): Promise<void> {
    checkDiskPath(to);
    const effect = (): void => {
      const inode = this.#parts.namespace.file(from);
      const target = this.#parts.namespace.locate(to);
      if (inode === undefined) throw new StoreError('DISK_NOT_FOUND', `${from}: no such file`);
      if (target.parent.get(target.name) !== undefined) {
        throw new StoreError('DISK_WRITE_FAILED', `${to}: exists already`);
      }
      target.parent.set(target.name, inode);
    };
    await this.#run({ operation: 'link', path: from, effect });
  }

  remove(path: string): Promise<void> {
    const effect = (): void => {
      const entry = this.#parts.namespace.entry(path);
      if (entry === undefined) return;
      if (entry.kind === 'directory') throw new StoreError('DISK_WRITE_FAILED', `${path}: is a folder`);
      const { parent, name } = this.#parts.namespace.locate(path);
      parent.unset(name);
    };
    return this.#run({ operation: 'remove', path, effect });
  }

  syncDirectory(path: string): Promise<void> {
    // The mark is taken now: a change that completes later is not covered.
    const folder = this.#parts.namespace.entry(path);
    const mark = folder?.kind === 'directory' ? folder.syncMark() : 0;
    return this.#run({
      operation: 'syncDirectory',
      path,
      effect: () => {
        if (folder?.kind !== 'directory') throw new StoreError('DISK_NOT_FOUND', `${path}: no such folder`);
        folder.syncTo(mark);
      },
    });
  }

  /** Files that were opened and not closed. */
  get openFiles(): number {
    return this.#openFiles;
  }

  fileClosed(): void {
    this.#openFiles -= 1;
  }

  /** Runs one operation: admission now, effect at completion, nothing at all once the session is dead. */
  perform<Result>(step: DiskStep<Result>): Promise<Result> {
    return this.#run(step);
  }

  /** Runs one operation at once. Throws what it is to fail with. */
  performSync<Result>(step: DiskStep<Result>): Result {
    if (!this.#alive) throw this.deadError(step.path);
    const failure = this.#parts.admit(step.operation, step.path);
    if (!this.isAlive) throw this.deadError(step.path);
    if (failure !== undefined) throw failure.error;
    this.#parts.observe(step.operation, step.path, step.position ?? 0, step.bytes ?? 0);
    return step.effect();
  }

  get isAlive(): boolean {
    return this.#alive;
  }

  /** What a call gets that comes after the crash. */
  async dead(path: string): Promise<never> {
    if (this.#parts.afterDeath === 'reject') throw this.deadError(path);
    return await new Promise<never>(() => undefined);
  }

  deadError(path: string): StoreError {
    return new StoreError('STORE_CLOSED', `${path}: this disk session ended with a crash`);
  }

  syncLies(path: string): boolean {
    return this.#parts.syncLies(path);
  }

  get roomBytes(): number {
    return this.#parts.roomBytes();
  }

  async #run<Result>(step: DiskStep<Result>): Promise<Result> {
    if (!this.#alive) return await this.dead(step.path);
    checkDiskPath(step.path);
    const failure = this.#parts.admit(step.operation, step.path);
    return await new Promise((resolve, reject) => {
      if (!this.isAlive) return;
      this.#parts.schedule(step.operation, step.bytes ?? 0, () => {
        if (!this.#alive) return;
        this.#parts.observe(step.operation, step.path, step.position ?? 0, step.bytes ?? 0);
        if (failure !== undefined) {
          step.failed?.(failure);
          return reject(failure.error);
        }
        try {
          resolve(step.effect());
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  #takeLock(): ReleaseLock {
    if (this.#locked) {
      throw new StoreError('DIRECTORY_LOCKED', 'the data directory is held by another simulated process');
    }
    this.#locked = true;
    let held = true;
    return () => {
      if (held) this.#locked = false;
      held = false;
      return Promise.resolve();
    };
  }

  #openInode(path: string, mode: 'create' | 'readwrite' | 'read'): SimInode {
    const { parent, name } = this.#parts.namespace.locate(path);
    const entry = parent.get(name);
    if (entry?.kind === 'directory') throw new StoreError('DISK_WRITE_FAILED', `${path}: is a folder`);
    if (mode !== 'create') {
      if (entry === undefined) throw new StoreError('DISK_NOT_FOUND', `${path}: no such file`);
      return entry;
    }
    if (entry !== undefined) {
      entry.truncate(0);
      return entry;
    }
    const inode = this.#parts.namespace.newFile();
    parent.set(name, inode);
    return inode;
  }
}

function isReplaceable(
  entry: { readonly kind: 'file' } | { readonly kind: 'directory'; readonly size: number },
): boolean {
  return entry.kind === 'file' || entry.size === 0;
}
