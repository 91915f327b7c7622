/**
 * Which process a lock file belongs to, and whether that process still runs.
 *
 * A pid alone says little: it is given out again, and means nothing in another container or on another
 * machine. So a process is named by its pid, by the kernel's clock tick at its start (field 22 of
 * `/proc/<pid>/stat`), and by its realm: boot id, pid namespace and host name. Only within one realm
 * can the kernel be asked. Where there is no `/proc` the pid has to do.
 */

import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { errnoOf } from './disk-error.ts';

export interface ProcessIdentity {
  readonly pid: number;
  /** Decimal digits; differs between two processes that were given the same pid. */
  readonly startTime: string;
  /** Within one realm a pid means one process. Safe in a file name. */
  readonly realm: string;
}

/** This process. */
export function ownIdentity(): ProcessIdentity {
  const fromKernel = processStat(process.pid)?.startTime;
  return {
    pid: process.pid,
    startTime: fromKernel ?? String(Math.round(performance.timeOrigin)),
    realm: ownRealm(),
  };
}

/**
 * Whether a process of this realm runs. A zombie does not, its files are closed already, unless one of its
 * threads is left: killed in the middle of a sync, it holds files and ports until the disk has answered.
 */
export function isRunning(identity: ProcessIdentity): boolean {
  const stat = processStat(identity.pid);
  if (stat !== undefined) return stat.startTime === identity.startTime && !stat.hasEnded;
  if (identity.pid === process.pid) return identity.startTime === ownIdentity().startTime;
  try {
    process.kill(identity.pid, 0);
    return true;
  } catch (error) {
    // Another user's process may not be signalled, which proves that it is there.
    return errnoOf(error) === 'EPERM';
  }
}

function ownRealm(): string {
  const boot = readText('/proc/sys/kernel/random/boot_id').slice(0, 8);
  const namespace = readPidNamespace().replaceAll(/\D/g, '');
  return `${boot || '0'}-${namespace || '0'}-${encodeURIComponent(hostname()).slice(0, 64)}`;
}

function processStat(pid: number): ProcessStat | undefined {
  return parseProcessStat(readText(`/proc/${pid}/stat`));
}

export interface ProcessStat {
  readonly startTime: string;
  /** Nothing of it runs any more: a zombie without further threads. */
  readonly hasEnded: boolean;
}

/** Reads the content of `/proc/<pid>/stat`, proc(5); undefined when it is none. */
export function parseProcessStat(text: string): ProcessStat | undefined {
  // The command name in the second field may hold spaces and brackets, so count from its last bracket.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state] = fields;
  const threads = Number(fields[17]);
  const startTime = fields[19];
  if (state === undefined || startTime === undefined) return undefined;
  return { startTime, hasEnded: (state === 'Z' || state === 'X') && !(threads > 1) };
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    // Not Linux, or no such process, or one that may not be looked at: all of them "not known".
    return '';
  }
}

function readPidNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    // Not Linux: there are no namespaces to tell apart.
    return '';
  }
}
