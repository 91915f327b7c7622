/**
 * Where the workers of a node keep their data: the first in the node's data directory, as if it were alone, each
 * further one in a folder in it.
 *
 *   <data-dir>/               the first worker's
 *   <data-dir>/worker-2/      the second's
 *   <data-dir>/workers.pid    which process started them (`pid-file.ts`)
 *
 * So the folders say how many workers there were. Records of a worker that is no more are not looked at by anybody:
 * a node refuses to start rather than to leave them behind in silence.
 */

import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';

import { StoreError } from '../core/errors.ts';
import { nodeStatePath } from '../storage/node-state.ts';

export function workerDirectory(dataDirectory: string, worker: number): string {
  return worker === 1 ? dataDirectory : join(dataDirectory, `worker-${worker}`);
}

export interface WorkerFolders {
  readonly dataDirectory: string;
  readonly workers: number;
  /**
   * Whether keys are on several members. Where each is on one only, a further worker would deny, until they have
   * moved to it, the keys that are to be its own.
   */
  readonly hasCopies: boolean;
}

/** Throws `CONFIG_INVALID` when records would be left behind, or be missing for a while, with so many workers. */
export async function checkWorkerFolders(folders: WorkerFolders): Promise<void> {
  const { dataDirectory, workers, hasCopies } = folders;
  const names = await namesIn(dataDirectory);
  const further = names.flatMap((name) => {
    const match = /^worker-([1-9][0-9]{0,8})$/.exec(name);
    return match === null ? [] : [Number(match[1])];
  });
  for (const worker of further.sort((left, right) => left - right)) {
    if (worker > workers && (await hasStarted(workerDirectory(dataDirectory, worker)))) {
      throw leftBehind(folders, worker);
    }
  }
  if (hasCopies || !names.includes(nodeStatePath)) return;
  const before = further.length + 1;
  if (before >= workers) return;
  throw new StoreError(
    'CONFIG_INVALID',
    `${dataDirectory} was made with ${counted(before)}, not ${workers}; where each key has one copy (n is 1) ` +
      'that stays, since keys would be missing until they have moved. Start with that number, or with another --data-dir.',
  );
}

/** Makes the folders of all workers; before the first of them starts, since a folder stands for a worker. */
export async function makeWorkerFolders(folders: WorkerFolders): Promise<void> {
  for (let worker = 1; worker <= folders.workers; worker++) {
    await mkdir(workerDirectory(folders.dataDirectory, worker), { recursive: true });
  }
}

function leftBehind({ dataDirectory, workers, hasCopies }: WorkerFolders, worker: number): StoreError {
  const whatToDo = hasCopies
    ? 'Go back to the number before; how to do without that worker is told in docs/operations.md, "Workers".'
    : 'Start with the number before, or with another --data-dir.';
  return new StoreError(
    'CONFIG_INVALID',
    `${workerDirectory(dataDirectory, worker)} holds the records of worker ${worker}, and with ${counted(workers)} nobody ` +
      `would look at them. ${whatToDo}`,
  );
}

function counted(workers: number): string {
  return workers === 1 ? 'one worker' : `${workers} workers`;
}

/** Whether a node has ever served that folder. */
async function hasStarted(folder: string): Promise<boolean> {
  return (await namesIn(folder)).includes(nodeStatePath);
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}
