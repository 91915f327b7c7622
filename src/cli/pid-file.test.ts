import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';

import { pidFileName, removePidFile, runningProcess, writePidFile } from './pid-file.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pid-file-'));
});
afterEach(() => rm(folder, { recursive: true }));

async function rewrite(changes: Readonly<Record<string, unknown>>): Promise<void> {
  const path = join(folder, pidFileName);
  const content: unknown = JSON.parse(await readFile(path, 'utf8'));
  assert.ok(typeof content === 'object' && content !== null);
  await writeFile(path, JSON.stringify({ ...content, ...changes }));
}

test('the process that wrote the file is found until it removes it', async () => {
  assert.equal(await runningProcess(folder), undefined);
  await writePidFile(folder, '127.0.0.1:9001');
  const found = await runningProcess(folder);
  assert.equal(found?.pid, process.pid);
  assert.equal(found?.address, '127.0.0.1:9001');
  await removePidFile(folder);
  assert.deepEqual(await readdir(folder), []);
});

test('a pid that now belongs to another process is nobody', async () => {
  await writePidFile(folder, '127.0.0.1:9001');
  const original = await readFile(join(folder, pidFileName), 'utf8');
  for (const change of [{ startTime: '1' }, { startMark: 'yesterday' }, { realm: 'an earlier boot' }]) {
    await writeFile(join(folder, pidFileName), original);
    await rewrite(change);
    assert.equal(await runningProcess(folder), undefined, JSON.stringify(change));
  }
});

test('the file of another process is not removed', async () => {
  await writePidFile(folder, '127.0.0.1:9001');
  await rewrite({ pid: process.ppid });
  await removePidFile(folder);
  assert.deepEqual(await readdir(folder), [pidFileName]);
});

test('a torn file names nobody', async () => {
  await writeFile(join(folder, pidFileName), '{"pid":1,"start');
  assert.equal(await runningProcess(folder), undefined);
});
