/**
 * What processes use, from `/proc`: memory, bytes written to disks, and how busy the whole machine is.
 *
 * Linux only; elsewhere, or when a process is gone, the answer is undefined and the report leaves it out.
 */

import { readFileSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join } from 'node:path';

/** Bytes of memory that the processes have resident, all together. */
export function residentBytesOf(pids: readonly number[]): number | undefined {
  return sumOverProcesses(pids, (pid) => kibibytes(/^VmRSS:\s+(\d+) kB$/m, `/proc/${pid}/status`));
}

/**
 * Bytes that the processes have sent towards a disk. The kernel counts whole pages when they become dirty, so a log to which a
 * hundred bytes are appended and synced is charged for a page: as the disk is.
 */
export function writtenBytesOf(pids: readonly number[]): number | undefined {
  return sumOverProcesses(pids, (pid) => {
    const text = readFileSync(`/proc/${pid}/io`, 'utf8');
    return Number(/^write_bytes: (\d+)$/m.exec(text)?.[1]);
  });
}

/** CPU seconds that all of the machine's cores have spent on anything, since it started. */
export function machineCpuSeconds(): number {
  return cpus().reduce(
    (sum, { times }) => sum + (times.user + times.nice + times.sys + times.irq) / 1_000,
    0,
  );
}

/** Bytes of all files in a folder and those below it; files that go away meanwhile don't count. */
export async function bytesInFolder(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const sizes = await Promise.all(
    entries
      .filter((entry) => entry.isFile())
      .map(
        async (entry) => (await stat(join(entry.parentPath, entry.name)).catch(() => undefined))?.size ?? 0,
      ),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

function kibibytes(pattern: RegExp, path: string): number {
  return Number(pattern.exec(readFileSync(path, 'utf8'))?.[1]) * 1_024;
}

function sumOverProcesses(pids: readonly number[], of: (pid: number) => number): number | undefined {
  if (pids.length === 0) return undefined;
  try {
    const sum = pids.reduce((total, pid) => total + of(pid), 0);
    return Number.isNaN(sum) ? undefined : sum;
  } catch {
    return undefined;
  }
}
