/**
 * One open file of the real disk.
 *
 * A descriptor is closed only when no operation uses it any more: its number is given to the next
 * file that is opened, and a late write would end up there. After a failed sync every later one
 * fails too: the kernel reports the loss once and then calls the lost pages clean.
 */

import { close, fdatasync, fstat, ftruncate, read, readSync, writeSync, writev, type Stats } from 'node:fs';
import { StoreError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { DiskFile } from '../ports/disk.ts';
import { closedFileError, diskError, type DiskOperation } from './disk-error.ts';
import { completed, promised } from './promised.ts';
import { writeFully, type WriteSome } from './write-fully.ts';

/** What is written at once is done by then. */
const done = Promise.resolve();

export class OpenFile implements DiskFile {
  readonly path: string;
  readonly #fullPath: string;
  readonly #descriptor: number;
  readonly #writeSome: WriteSome;
  #operationsUnderWay = 0;
  #closing: Promise<void> | undefined;
  #onIdle: (() => void) | undefined;
  #syncFailure: StoreError | undefined;

  /** Takes over `descriptor`. */
  constructor(options: { readonly path: string; readonly fullPath: string; readonly descriptor: number }) {
    this.path = options.path;
    this.#fullPath = options.fullPath;
    this.#descriptor = options.descriptor;
    this.#writeSome = (chunks, position) =>
      promised<number>((done) => writev(this.#descriptor, chunks, position, done));
  }

  size(): Promise<number> {
    const body = async (): Promise<number> => {
      const stats = await promised<Stats>((done) => fstat(this.#descriptor, done));
      return stats.size;
    };
    return this.#use('read', body, () => `look at ${this.#fullPath}`);
  }

  read(target: Uint8Array, position: number): Promise<number> {
    const body = async (): Promise<number> => {
      let total = 0;
      while (total < target.length) {
        const start = total;
        const taken = await promised<number>((done) =>
          read(this.#descriptor, target, start, target.length - start, position + start, done),
        );
        if (taken === 0) break;
        total += taken;
      }
      return total;
    };
    return this.#use('read', body, () => this.#describeRead(target, position));
  }

  readSync(target: Uint8Array, position: number): number {
    if (this.#closing !== undefined) throw closedFileError('read', this.#fullPath);
    let total = 0;
    try {
      while (total < target.length) {
        const taken = readSync(this.#descriptor, target, total, target.length - total, position + total);
        if (taken === 0) break;
        total += taken;
      }
    } catch (cause) {
      throw diskError('read', this.#describeRead(target, position), cause);
    }
    return total;
  }

  write(chunks: readonly Uint8Array[], position: number): Promise<void> {
    const only = chunks.length === 1 ? chunks[0] : undefined;
    const describe = (): string => `write at offset ${position} of ${this.#fullPath}`;
    const isShort = only !== undefined && only.length <= limits.synchronousWriteBytesMax;
    if (!isShort) return this.#use('write', () => writeFully(this.#writeSome, chunks, position), describe);
    // Into the page cache this takes a few microseconds; handing it to another thread costs more than that.
    if (this.#closing !== undefined) return Promise.reject(closedFileError('write', this.#fullPath));
    try {
      const taken = writeSync(this.#descriptor, only, 0, only.length, position);
      if (taken === only.length) return done;
      const rest = [only.subarray(taken)];
      return this.#use('write', () => writeFully(this.#writeSome, rest, position + taken), describe);
    } catch (cause) {
      return Promise.reject(diskError('write', describe(), cause));
    }
  }

  sync(): Promise<void> {
    if (this.#closing !== undefined) return Promise.reject(closedFileError('sync', this.#fullPath));
    if (this.#syncFailure !== undefined) return Promise.reject(this.#syncFailure);
    this.#operationsUnderWay++;
    return new Promise((resolve, reject) => {
      fdatasync(this.#descriptor, (cause) => {
        this.#ended();
        if (cause === null) return resolve();
        this.#syncFailure = diskError('sync', `sync ${this.#fullPath}`, cause);
        reject(this.#syncFailure);
      });
    });
  }

  truncate(length: number): Promise<void> {
    return this.#use(
      'write',
      () => completed((done) => ftruncate(this.#descriptor, length, done)),
      () => `truncate ${this.#fullPath} to ${length} bytes`,
    );
  }

  close(): Promise<void> {
    this.#closing ??= this.#closeWhenIdle();
    return this.#closing;
  }

  async #closeWhenIdle(): Promise<void> {
    if (this.#operationsUnderWay > 0) {
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve;
      });
    }
    try {
      await completed((done) => close(this.#descriptor, done));
    } catch (cause) {
      throw diskError('write', `close ${this.#fullPath}`, cause);
    }
  }

  /** Runs one operation on the descriptor and keeps it open meanwhile. */
  async #use<Result>(
    operation: DiskOperation,
    body: () => Promise<Result>,
    describe: () => string,
  ): Promise<Result> {
    if (this.#closing !== undefined) throw closedFileError(operation, this.#fullPath);
    this.#operationsUnderWay++;
    try {
      return await body();
    } catch (cause) {
      throw cause instanceof StoreError ? cause : diskError(operation, describe(), cause);
    } finally {
      this.#ended();
    }
  }

  #ended(): void {
    this.#operationsUnderWay--;
    if (this.#operationsUnderWay === 0) this.#onIdle?.();
  }

  #describeRead(target: Uint8Array, position: number): string {
    return `read ${target.length} bytes at offset ${position} of ${this.#fullPath}`;
  }
}
