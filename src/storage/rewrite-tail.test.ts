import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32 } from '../core/crc32.ts';
import { encodeRecord } from '../core/record.ts';
import { SimDisk } from '../sim/sim-disk.ts';
import { openTestStore } from './log-store-harness-contract.ts';

const key = new TextEncoder().encode('key');
const record = encodeRecord({ key, dot: { wallMs: 1_000, counter: 0, actor: 'n1.a' }, value: key }, crc32);

test('what a failed sync left in the page cache is durable before a restarted store answers from it', async () => {
  const disk = new SimDisk();
  const failing = await openTestStore(disk.session());
  disk.failNext({ operation: 'sync', pathIncludes: '.seg' });
  await assert.rejects(failing.merge(record), { code: 'DISK_SYNC_FAILED' });
  disk.crash({ unsynced: 'keep' });

  const restarted = await openTestStore(disk.session());
  assert.deepEqual((await restarted.get(key, record.token))?.bytes, record.bytes);
  disk.crash();

  const last = await openTestStore(disk.session());
  assert.deepEqual((await last.get(key, record.token))?.bytes, record.bytes);
  await last.close();
});
