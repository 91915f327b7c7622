/**
 * The lock on a data directory: two processes never both hold it, whatever is killed when.
 *
 * Each process first creates a file of its own, then looks for the files of others. Of two that race, the
 * one that looks last sees the other, so at most one goes on (both may give up, which is safe).
 * All that identifies a holder is in its file's name, which appears at once or not at all:
 *
 *   lock-<pid>-<start time>-<boot id>-<pid namespace>-<host>
 *
 * The kernel says whether a holder of the same boot, namespace and host still runs. A holder in another
 * container or on another machine is alive while its file keeps being rewritten; one whose file has not
 * moved for `lockStaleAfterMs` is dead. The content is for people.
 */

import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { StoreError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { ReleaseLock } from '../ports/disk.ts';
import { diskError, errnoOf } from './disk-error.ts';
import { isRunning, ownIdentity, type ProcessIdentity } from './process-identity.ts';

export interface DirectoryLockOptions {
  /** Told when the lock file of this process vanished while it held the lock. */
  readonly onLost?: (message: string) => void;
  /** How often the holder rewrites its file; `limits.lockTouchMs` unless told. */
  readonly touchMs?: number;
  /** After which silence a holder of another realm is dead; `limits.lockStaleAfterMs` unless told. */
  readonly staleAfterMs?: number;
}

/** Locks an existing directory, or throws `DIRECTORY_LOCKED` naming the holder. */
export async function lockDirectory(
  directory: string,
  options: DirectoryLockOptions = {},
): Promise<ReleaseLock> {
  const own = ownIdentity();
  const ownName = `lock-${own.pid}-${own.startTime}-${own.realm}`;
  const ownPath = join(directory, ownName);
  const content = `${JSON.stringify({ ...own, since: new Date().toISOString() })}\n`;
  await createOwnFile(ownPath, content, directory, own);
  const stopTouching = keepTouching(ownPath, content, options);
  let isHeld = true;
  const release = async (): Promise<void> => {
    if (!isHeld) return;
    isHeld = false;
    stopTouching();
    await rm(ownPath, { force: true });
  };
  try {
    for (const name of await readdir(directory)) {
      const holder = name === ownName ? undefined : parseLockName(name);
      if (holder === undefined) continue;
      const path = join(directory, name);
      if (await holds(holder, own, path, options.staleAfterMs ?? limits.lockStaleAfterMs)) {
        throw await lockedError(directory, path, holder);
      }
      await rm(path, { force: true });
    }
  } catch (cause) {
    await release();
    throw cause instanceof StoreError ? cause : diskError('write', `lock ${directory}`, cause);
  }
  return release;
}

async function createOwnFile(
  path: string,
  content: string,
  directory: string,
  own: ProcessIdentity,
): Promise<void> {
  try {
    await writeFile(path, content, { flag: 'wx' });
  } catch (cause) {
    if (errnoOf(cause) === 'EEXIST') throw await lockedError(directory, path, own);
    // What was created may be empty because the disk is full; left behind it would refuse this process.
    await rm(path, { force: true });
    throw diskError('write', `create the lock file ${path}`, cause);
  }
}

/** Whether the process of another lock file still holds the directory. */
async function holds(
  holder: ProcessIdentity,
  own: ProcessIdentity,
  path: string,
  staleAfterMs: number,
): Promise<boolean> {
  return holder.realm === own.realm ? isRunning(holder) : isBeingTouched(path, staleAfterMs);
}

/**
 * Watches a lock file that the kernel cannot tell about. Old by the wall clock is enough to call its
 * holder dead; else it is given the full time on our own monotonic clock, since clocks differ.
 */
async function isBeingTouched(path: string, staleAfterMs: number): Promise<boolean> {
  const first = await modifiedMs(path);
  const watchedSince = performance.now();
  if (first === undefined) return false;
  for (;;) {
    if (Date.now() - first > staleAfterMs || performance.now() - watchedSince > staleAfterMs) return false;
    await delay(Math.min(staleAfterMs, limits.lockWatchMs));
    const latest = await modifiedMs(path);
    if (latest !== first) return latest !== undefined;
  }
}

async function modifiedMs(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).mtimeMs;
  } catch (cause) {
    if (errnoOf(cause) === 'ENOENT') return undefined;
    throw cause;
  }
}

/** Rewrites the file now and then, and notices when it is gone. Does not keep the process alive. */
function keepTouching(path: string, content: string, options: DirectoryLockOptions): () => void {
  let isStopped = false;
  const timer = setInterval(() => {
    writeFile(path, content, { flag: 'r+' }).catch((cause: unknown) => {
      // A full or failing disk is for the log engine to report; only a missing file is a lost lock.
      if (isStopped || errnoOf(cause) !== 'ENOENT') return;
      clearInterval(timer);
      options.onLost?.(
        `the lock file ${path} was removed while this process held it: another process may use the same ` +
          'data directory now; stop this one, and look for what removes files there',
      );
    });
  }, options.touchMs ?? limits.lockTouchMs);
  timer.unref();
  return () => {
    isStopped = true;
    clearInterval(timer);
  };
}

function parseLockName(name: string): ProcessIdentity | undefined {
  const match = /^lock-(\d{1,10})-(\d{1,20})-(.+)$/.exec(name);
  const [, pid, startTime, realm] = match ?? [];
  if (pid === undefined || startTime === undefined || realm === undefined) return undefined;
  return { pid: Number(pid), startTime, realm };
}

async function lockedError(directory: string, path: string, holder: ProcessIdentity): Promise<StoreError> {
  const since = await readFile(path, 'utf8').then(
    (content) => /"since":"([0-9TZ:.-]{1,40})"/.exec(content)?.[1] ?? 'an unknown time',
    () => 'an unknown time',
  );
  const host = holder.realm.split('-').slice(2).join('-');
  return new StoreError(
    'DIRECTORY_LOCKED',
    `${directory} is held by process ${holder.pid} on host ${host} since ${since} (${path}): ` +
      'stop that process, or give this node a data directory of its own',
  );
}
