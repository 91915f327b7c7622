import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';

import { checkWorkerFolders, makeWorkerFolders, workerDirectory } from './worker-folders.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'worker-folders-'));
});
afterEach(() => rm(folder, { recursive: true }));

/** As a worker leaves its folder once it has served. */
async function started(...workers: readonly number[]): Promise<void> {
  for (const worker of workers) {
    await mkdir(workerDirectory(folder, worker), { recursive: true });
    await writeFile(join(workerDirectory(folder, worker), 'node-state.json'), '{}');
  }
}

function check(workers: number, hasCopies: boolean): Promise<void> {
  return checkWorkerFolders({ dataDirectory: folder, workers, hasCopies });
}

test('the first worker has the folder of the node, the others have folders in it', async () => {
  await makeWorkerFolders({ dataDirectory: folder, workers: 3, hasCopies: true });
  assert.deepEqual((await readdir(folder)).toSorted(), ['worker-2', 'worker-3']);
});

test('an empty or missing folder is good for any number of workers', async () => {
  for (const workers of [1, 2, 64]) await check(workers, false);
  await checkWorkerFolders({ dataDirectory: join(folder, 'missing'), workers: 2, hasCopies: false });
});

test('records of a worker that is no more are not left behind', async () => {
  await started(1, 2, 3, 10);
  for (const hasCopies of [true, false]) {
    await assert.rejects(check(2, hasCopies), {
      code: 'CONFIG_INVALID',
      message: /worker-3 holds the records of worker 3, and with 2 workers nobody would look at them/,
    });
    await assert.rejects(check(1, hasCopies), /worker-2 holds the records of worker 2, and with one worker/);
  }
  await assert.rejects(check(4, true), /worker-10 holds/);
});

test('an empty folder of a further worker is no reason to stay', async () => {
  await started(1);
  await makeWorkerFolders({ dataDirectory: folder, workers: 2, hasCopies: true });
  await check(1, true);
});

test('workers are added only where keys have copies elsewhere meanwhile', async () => {
  await started(1, 2);
  await check(3, true);
  await assert.rejects(check(3, false), {
    code: 'CONFIG_INVALID',
    message: /was made with 2 workers, not 3; where each key has one copy/,
  });
  await check(2, false);
});

test('a start that was cut off before all workers had served can be done again', async () => {
  await makeWorkerFolders({ dataDirectory: folder, workers: 2, hasCopies: false });
  await started(1);
  await check(2, false);
});
