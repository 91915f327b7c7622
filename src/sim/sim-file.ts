/**
 * An open file of a simulated disk. It dies with its session.
 */

import { StoreError } from '../core/errors.ts';
import type { DiskFile } from '../ports/disk.ts';
import { failureCodeOf, type DiskOperation } from './disk-faults.ts';
import type { DiskSession, DiskStep } from './sim-disk-session.ts';
import { byteCount, type SimInode } from './sim-inode.ts';

export class SimFile implements DiskFile {
  readonly path: string;
  readonly #session: DiskSession;
  readonly #inode: SimInode;
  readonly #writable: boolean;
  #open = true;

  constructor(session: DiskSession, path: string, inode: SimInode, writable: boolean) {
    this.#session = session;
    this.path = path;
    this.#inode = inode;
    this.#writable = writable;
  }

  size(): Promise<number> {
    return this.#run({ operation: 'size', effect: () => this.#inode.written.length });
  }

  read(target: Uint8Array, position: number): Promise<number> {
    const effect = (): number => this.#inode.written.read(target, position);
    return this.#run({ operation: 'read', position, bytes: target.length, effect });
  }

  readSync(target: Uint8Array, position: number): number {
    if (!this.#open) throw this.#closedError('read');
    const effect = (): number => this.#inode.written.read(target, position);
    return this.#session.performSync({
      operation: 'read',
      path: this.path,
      position,
      bytes: target.length,
      effect,
    });
  }

  async write(chunks: readonly Uint8Array[], position: number): Promise<void> {
    this.#checkWritable();
    if (!this.#session.isAlive) return await this.#session.dead(this.path);
    const write = { chunks, position };
    const length = byteCount(chunks);
    this.#inode.begin(write);
    await this.#run({
      operation: 'write',
      position,
      bytes: length,
      effect: () => {
        const growth = Math.max(0, position + length - this.#inode.written.length);
        const missing = growth - Math.min(growth, this.#session.roomBytes);
        this.#inode.complete(write, length - missing);
        if (missing > 0) throw this.#fullError(position);
      },
      failed: (failure) => this.#inode.complete(write, failure.bytesWritten),
    });
  }

  async sync(): Promise<void> {
    const mark = this.#inode.syncMark();
    await this.#run({
      operation: 'sync',
      effect: () => {
        if (!this.#session.syncLies(this.path)) this.#inode.syncTo(mark);
      },
      failed: () => this.#inode.forsakeTo(mark),
    });
  }

  async truncate(length: number): Promise<void> {
    this.#checkWritable();
    await this.#run({ operation: 'truncate', position: length, effect: () => this.#inode.truncate(length) });
  }

  async close(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    this.#session.fileClosed();
    await this.#session.perform({ operation: 'close', path: this.path, effect: () => undefined });
  }

  #run<Result>(step: Omit<DiskStep<Result>, 'path'>): Promise<Result> {
    if (!this.#open) return Promise.reject(this.#closedError(step.operation));
    return this.#session.perform({ ...step, path: this.path });
  }

  #checkWritable(): void {
    if (!this.#open || !this.#writable) throw this.#closedError('write');
  }

  #closedError(operation: DiskOperation): StoreError {
    const state = this.#open ? 'open for reading only' : 'closed';
    return new StoreError(failureCodeOf(operation), `${this.path}: ${operation} on a file that is ${state}`);
  }

  #fullError(position: number): StoreError {
    return new StoreError('DISK_FULL', `${this.path}: no space for all bytes at offset ${position}`);
  }
}
