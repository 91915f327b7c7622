import assert from 'node:assert/strict';
import { appendFile, mkdtemp, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';

import { limits } from '../core/limits.ts';
import { lastLines, logPathOf, newLines, prepareLog, sizeOf } from './node-log.ts';

let folder = '';
let path = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'node-log-'));
  path = logPathOf(folder);
});
afterEach(() => rm(folder, { recursive: true }));

test('the last lines are those between the start of this run and now', async () => {
  await writeFile(path, 'old\n');
  const since = await prepareLog(folder);
  await appendFile(path, 'one\ntwo\nthree\n');
  const until = await sizeOf(path);
  await appendFile(path, 'later\n');
  assert.deepEqual(await lastLines(path, { count: 10, since, until }), ['one', 'two', 'three']);
  assert.deepEqual(await lastLines(path, { count: 2, since, until }), ['two', 'three']);
  assert.deepEqual(await lastLines(path, { count: 0, since, until }), []);
});

test('a line that the look back cuts in two is left out', async () => {
  const line = 'x'.repeat(1023);
  await writeFile(path, `${line}\n`.repeat(300));
  const until = await sizeOf(path);
  const lines = await lastLines(path, { count: 1_000, since: 0, until });
  assert.ok(lines.length > 200);
  assert.ok(lines.every((shown) => shown === line));
});

test('following hands out whole lines once, and starts over when the log was set aside', async () => {
  await writeFile(path, 'one\ntw');
  const first = await newLines(path, 0);
  assert.deepEqual(first, { lines: ['one'], offset: 4 });
  await appendFile(path, 'o\nthree\n');
  const second = await newLines(path, first.offset);
  assert.deepEqual(second.lines, ['two', 'three']);
  await writeFile(path, 'new\n');
  assert.deepEqual((await newLines(path, second.offset)).lines, ['new']);
});

test('a log past its limit is set aside when the node starts', async () => {
  await writeFile(path, 'old\n');
  await truncate(path, limits.nodeLogBytesMax + 1);
  assert.equal(await prepareLog(folder), 0);
  assert.deepEqual(await readdir(folder), ['node.log.1']);
});

test('a log that does not exist is empty', async () => {
  assert.equal(await sizeOf(path), 0);
  assert.deepEqual(await newLines(path, 0), { lines: [], offset: 0 });
});
