/**
 * `node.pid` in a node's data directory: which process serves it, so that `ps`, `kill` and `down` find it.
 *
 * The node writes it itself before it opens its store, and removes it when it stops cleanly; a crash
 * leaves it behind. A pid is given out again, so it counts only together with when its process started, and
 * only on the machine (boot, container) that wrote it. It is no lock: that a data directory has one
 * process only is the disk's lock (`ports/disk.ts`).
 *
 *   {"pid":4711,"startTime":"…","realm":"…","startMark":"","address":"127.0.0.1:9001","startedAtMs":1700000000000}
 */

import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { z } from 'zod';

import { isRunning, ownIdentity } from '../platform/process-identity.ts';
import { startMarkOf } from './start-mark.ts';

export const pidFileName = 'node.pid';
/** The same for the process that starts the workers of a node, each of which has a `node.pid` of its own. */
export const workersPidFileName = 'workers.pid';

const pidFileSchema = z.object({
  pid: z.int().positive(),
  startTime: z.string(),
  realm: z.string(),
  startMark: z.string(),
  address: z.string(),
  startedAtMs: z.int(),
});

export type RunningProcess = z.infer<typeof pidFileSchema>;

/** Says that this process serves the data directory. */
export async function writePidFile(
  dataDirectory: string,
  address: string,
  name = pidFileName,
): Promise<void> {
  const content: RunningProcess = {
    ...ownIdentity(),
    startMark: await startMarkOf(process.pid),
    address,
    startedAtMs: Date.now(),
  };
  const path = join(dataDirectory, name);
  const temporaryPath = `${path}.${process.pid}`;
  await mkdir(dataDirectory, { recursive: true });
  await writeFile(temporaryPath, `${JSON.stringify(content)}\n`);
  await rename(temporaryPath, path);
}

/** Removes the file unless it names another process. */
export async function removePidFile(dataDirectory: string, name = pidFileName): Promise<void> {
  const written = await readPidFile(dataDirectory, name);
  if (written?.pid === process.pid) await rm(join(dataDirectory, name), { force: true });
}

/** The process that serves the data directory now; undefined when none does. */
export async function runningProcess(
  dataDirectory: string,
  name = pidFileName,
): Promise<RunningProcess | undefined> {
  const written = await readPidFile(dataDirectory, name);
  return written !== undefined && (await stillRuns(written)) ? written : undefined;
}

/** Whether that very process runs, also after it has removed its file. */
export async function stillRuns(found: RunningProcess): Promise<boolean> {
  if (found.realm !== ownIdentity().realm || !isRunning(found)) return false;
  return (await startMarkOf(found.pid)) === found.startMark;
}

/** What the file says, whether or not it is still true; undefined when there is none that can be read. */
async function readPidFile(dataDirectory: string, name: string): Promise<RunningProcess | undefined> {
  try {
    return pidFileSchema.parse(JSON.parse(await readFile(join(dataDirectory, name), 'utf8')));
  } catch {
    // Missing, or torn by a power cut: either way it names no process that could still run.
    return undefined;
  }
}
