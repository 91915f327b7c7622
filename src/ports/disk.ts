/**
 * The disk, as a port: what the log engine needs and no more.
 *
 * Durability is as on POSIX and no better: bytes written are durable after `DiskFile.sync`, a name
 * that was created, renamed, linked or removed is durable after `Disk.syncDirectory` of its folder.
 * A failed sync says nothing about what reached the disk and must not be retried.
 *
 * Paths are relative to the data directory, with `/`. Every failure is a `StoreError`:
 * `DISK_FULL` (no space, quota, file size limit), `DISK_READ_FAILED`, `DISK_WRITE_FAILED`,
 * `DISK_SYNC_FAILED`, `DISK_NOT_FOUND`, `DIRECTORY_LOCKED`, `BAD_REQUEST` (a path out of the data
 * directory, see `disk-path.ts`); its message names file and offset.
 */

export interface DiskEntry {
  readonly name: string;
  readonly isDirectory: boolean;
}

export interface DiskFile {
  readonly path: string;
  /** Current length in bytes. */
  size(): Promise<number>;
  /**
   * Reads up to `target.length` bytes at `position` into `target`; resolves to how many, which is
   * less only at the end of the file.
   */
  read(target: Uint8Array, position: number): Promise<number>;
  /** The same, at once: for small reads that the page cache most likely holds. */
  readSync(target: Uint8Array, position: number): number;
  /**
   * Writes all of `chunks`, one after the other, at `position`. The caller leaves them unchanged until it
   * resolves. After a rejection any part of them may be in the file.
   */
  write(chunks: readonly Uint8Array[], position: number): Promise<void>;
  /** Makes the content (and length) of this file durable. */
  sync(): Promise<void>;
  truncate(length: number): Promise<void>;
  /** Reads and writes after it are errors; closing twice is not. */
  close(): Promise<void>;
}

/** Gives up the lock on the data directory. */
export type ReleaseLock = () => Promise<void>;

export interface Disk {
  /** Takes the data directory (made if missing) for this process, or throws `DIRECTORY_LOCKED` naming the holder. */
  lock(): Promise<ReleaseLock>;
  /** Makes a folder and its parents; existing ones are fine. */
  makeDirectory(path: string): Promise<void>;
  /** Entries of a folder in no particular order; empty when it does not exist. */
  list(path: string): Promise<readonly DiskEntry[]>;
  /** `create` makes a new empty file (truncating an old one) for reading and writing; `open` wants it to exist. */
  open(path: string, mode: 'create' | 'readwrite' | 'read'): Promise<DiskFile>;
  /** Replaces `to` if it exists, atomically. */
  rename(from: string, to: string): Promise<void>;
  /** A second name for the same content: how a backup is taken. */
  link(from: string, to: string): Promise<void>;
  /** Removes a file; a missing one is fine. */
  remove(path: string): Promise<void>;
  syncDirectory(path: string): Promise<void>;
}
