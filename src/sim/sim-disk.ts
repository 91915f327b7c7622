/**
 * A disk in memory that keeps POSIX's promises and not one more: bytes are durable after a file's
 * sync, names after their folder's sync, and a crash takes or tears the rest.
 *
 * A write is visible and pending once it completes, not when it is asked for, so code that syncs or
 * reads without awaiting its write is found out. After `crash` every file, lock and operation of the
 * time before is dead: operations under way never settle, later ones reject with `STORE_CLOSED`.
 * Code that may still run after the crash (another flow of the same node) must hold a `session()`,
 * which dies with the crash as a whole; the disk itself always acts for whoever starts next.
 *
 * Without `schedule` an operation takes one microtask, so that plain tests need no scheduler.
 */

import { StoreError } from '../core/errors.ts';
import type { Disk, DiskEntry, DiskFile, ReleaseLock } from '../ports/disk.ts';
import type { Random } from '../ports/random.ts';
import { DiskFaults, SimulatedCrash, type DiskOperation, type PlannedFault } from './disk-faults.ts';
import { SimDirectory } from './sim-directory.ts';
import { DiskSession } from './sim-disk-session.ts';
import type { SimInode, UnsyncedFate } from './sim-inode.ts';
import { SimNamespace } from './sim-namespace.ts';

export interface SimDiskOptions {
  /** Draws what a tearing crash leaves; without it `tear` is refused. */
  readonly random?: Random;
  /** Bytes of all files together past which writes are `DISK_FULL`; none by default. */
  readonly capacityBytes?: number;
  /** Calls `complete` when an operation that moves so many bytes is done; one microtask by default. */
  readonly schedule?: (operation: DiskOperation, bytes: number, complete: () => void) => void;
  /**
   * What becomes of calls by those who lived before a crash: `reject`, so that a test sees its mistake (default),
   * or `hang`, since a dead process hears nothing.
   */
  readonly afterDeath?: 'reject' | 'hang';
  /** Told of each operation as it takes effect, for a trace. */
  readonly observe?: (operation: DiskOperation, path: string, position: number, bytes: number) => void;
  /** Virtual time, for `unsyncedSinceMicros`; always 0 unless told. */
  readonly nowMicros?: () => number;
}

export interface CrashOptions {
  /** `lose` unless told. */
  readonly unsynced?: UnsyncedFate;
}

/** May throw `SimulatedCrash` (the power goes out) or a `StoreError` (this operation fails). */
export type BeforeOperation = (operation: DiskOperation, path: string, index: number) => void;

/** What was durable on a disk at some time. */
export type DiskSnapshot = SimDirectory & { readonly __brand: 'DiskSnapshot' };

export class SimDisk implements Disk {
  /** Bytes past which writes are `DISK_FULL`; may be changed at any time. */
  capacityBytes: number;
  /** Asked before every operation; `index` counts from 0 over the life of the disk. */
  beforeOperation: BeforeOperation | undefined;
  /** Syncs of files below this folder succeed and make nothing durable, as those of some drives do; '' for all. */
  lyingFolder: string | undefined;
  /** What a `SimulatedCrash` thrown by `beforeOperation` leaves. */
  crashFate: UnsyncedFate = 'lose';
  readonly #options: SimDiskOptions;
  readonly #namespace: SimNamespace;
  readonly #faults = new DiskFaults();
  #session: DiskSession;
  #operations = 0;
  readonly #crashWaiters: (() => void)[] = [];

  constructor(options: SimDiskOptions = {}) {
    this.#options = options;
    this.capacityBytes = options.capacityBytes ?? Number.POSITIVE_INFINITY;
    this.#namespace = new SimNamespace(options.nowMicros);
    this.#session = this.#newSession();
  }

  /** Operations asked for so far, failed ones included. */
  get operations(): number {
    return this.#operations;
  }

  /** Bytes of all files, each counted once however many names it has. */
  get usedBytes(): number {
    return this.#namespace.usedBytes();
  }

  /** Files that whoever lives now holds open. */
  get openFiles(): number {
    return this.#session.openFiles;
  }

  /** This disk until the next crash; then dead for good, whoever still holds it. */
  session(): Disk {
    return this.#session;
  }

  /** Loses, tears or keeps what was not synced; files, locks and pending operations are dead. */
  crash(options: CrashOptions = {}): void {
    const fate = options.unsynced ?? 'lose';
    const random = this.#options.random;
    if (random === undefined && fate === 'tear') {
      throw new StoreError('INTERNAL', 'a crash that tears needs a SimDisk with `random`');
    }
    this.#session.kill();
    this.#namespace.root.crash(fate, random ?? { below: () => 0 }, new Set());
    this.#session = this.#newSession();
    for (const wake of this.#crashWaiters.splice(0)) wake();
  }

  /** What a power cut would leave now. */
  snapshot(): DiskSnapshot {
    return this.#namespace.root.durableCopy(new Map()) as DiskSnapshot;
  }

  /** Puts another disk in place of this one: with the content of a snapshot, or empty. Whoever used it is dead. */
  replace(content?: DiskSnapshot): void {
    this.crash({ unsynced: 'lose' });
    this.#namespace.root = content?.durableCopy(new Map()) ?? new SimDirectory();
  }

  /** Resolves at the next crash: race it against work that a crash leaves hanging. */
  whenCrashed(): Promise<void> {
    return new Promise((resolve) => this.#crashWaiters.push(resolve));
  }

  /** Plans a failure of coming operations; the function returned takes it back. */
  failNext(fault: PlannedFault): () => void {
    return this.#faults.failNext(fault);
  }

  /** Takes back all planned failures. */
  clearFaults(): void {
    this.#faults.clear();
  }

  /** What a read would see now; undefined when there is no such file. */
  readNow(path: string): Uint8Array | undefined {
    return this.#namespace.file(path)?.written.toBytes();
  }

  /** What a power cut would leave of the file's content now. */
  readDurable(path: string): Uint8Array | undefined {
    return this.#namespace.file(path)?.durable.toBytes();
  }

  /** Puts a file there, durable at once, its folders too. */
  writeNow(path: string, bytes: Uint8Array): void {
    this.#namespace.fileMade(path).editBoth((content) => {
      content.truncate(0);
      content.write(bytes, 0);
    });
  }

  /** Removes a file, durably. */
  removeNow(path: string): void {
    const { parent, name } = this.#namespace.locate(path);
    parent.unset(name);
    parent.syncTo(parent.syncMark());
  }

  /** Flips the bits of `mask` in one byte, in what is written and what is durable. */
  corrupt(path: string, offset: number, mask: number): void {
    this.#existing(path).editBoth((content) => {
      if (offset >= content.length) return;
      const byte = new Uint8Array(1);
      content.read(byte, offset);
      content.write(Uint8Array.of((byte[0] ?? 0) ^ mask), offset);
    });
  }

  /** Cuts a file, durably. */
  truncateNow(path: string, length: number): void {
    this.#existing(path).editBoth((content) => content.truncate(length));
  }

  /** Everything written before this to files below the folder is durable; undefined when all is. */
  unsyncedSinceMicros(folder: string): number | undefined {
    return this.#namespace.unsyncedSinceMicros(folder);
  }

  /** All files, sorted. */
  paths(): string[] {
    return this.#namespace.paths();
  }

  lock(): Promise<ReleaseLock> {
    return this.#session.lock();
  }

  makeDirectory(path: string): Promise<void> {
    return this.#session.makeDirectory(path);
  }

  list(path: string): Promise<readonly DiskEntry[]> {
    return this.#session.list(path);
  }

  open(path: string, mode: 'create' | 'readwrite' | 'read'): Promise<DiskFile> {
    return this.#session.open(path, mode);
  }

  rename(from: string, to: string): Promise<void> {
    return this.#session.rename(from, to);
  }

  link(from: string, to: string): Promise<void> {
    return this.#session.link(from, to);
  }

  remove(path: string): Promise<void> {
    return this.#session.remove(path);
  }

  syncDirectory(path: string): Promise<void> {
    return this.#session.syncDirectory(path);
  }

  #existing(path: string): SimInode {
    const inode = this.#namespace.file(path);
    if (inode === undefined) throw new StoreError('DISK_NOT_FOUND', `${path}: no such file`);
    return inode;
  }

  #newSession(): DiskSession {
    const microtask = (_operation: DiskOperation, _bytes: number, complete: () => void): void => {
      void Promise.resolve().then(complete);
    };
    return new DiskSession({
      namespace: this.#namespace,
      schedule: this.#options.schedule ?? microtask,
      observe: this.#options.observe ?? (() => undefined),
      afterDeath: this.#options.afterDeath ?? 'reject',
      roomBytes: () => this.#roomBytes(),
      syncLies: (path) => this.lyingFolder !== undefined && path.startsWith(this.lyingFolder),
      admit: (operation, path) => this.#admit(operation, path),
    });
  }

  /** Counts an operation and lets the hook and the planned faults have their say. */
  #admit(operation: DiskOperation, path: string): ReturnType<DiskFaults['take']> {
    const index = this.#operations++;
    try {
      this.beforeOperation?.(operation, path, index);
    } catch (error) {
      if (error instanceof SimulatedCrash) this.crash({ unsynced: this.crashFate });
      else if (error instanceof StoreError) return { error, bytesWritten: 0 };
      else throw error;
    }
    return this.#faults.take(operation, path);
  }

  #roomBytes(): number {
    if (this.capacityBytes === Number.POSITIVE_INFINITY) return this.capacityBytes;
    return Math.max(0, this.capacityBytes - this.#namespace.usedBytes());
  }
}
