/** Starts on files that are damaged, missing, stale or left over. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { isNodeId, type NodeId } from '../core/config.ts';
import { errorCodeOf } from '../core/errors.ts';
import type { StoredRecord } from '../core/record.ts';
import type { LogLevel, Observer } from '../ports/observer.ts';
import { SimDisk } from '../sim/sim-disk.ts';
import { openTestStore, testClock, type TestOptions } from './log-store-harness-contract.ts';
import type { LogStore } from './log-store.ts';
import { batchHeaderBytes, firstGeneration, segmentHeaderBytes } from './segment-format.ts';
import { segmentPath } from './segment-name.ts';
import { recordOf } from './store-contract-records.ts';

const n2 = nodeId('n2');

function recordsOf(count: number, prefix = 'key'): StoredRecord[] {
  return Array.from({ length: count }, (_, index) =>
    recordOf({ key: `${prefix} ${index}`, value: `value ${index}`.repeat(5) }),
  );
}

async function mergeAll(store: LogStore, records: readonly StoredRecord[]): Promise<void> {
  for (const record of records) await store.merge(record);
}

async function countHeld(store: LogStore, records: readonly StoredRecord[]): Promise<number> {
  let count = 0;
  for (const record of records) {
    const held = await store.get(record.key, record.token);
    if (held === undefined) continue;
    assert.deepEqual(Buffer.from(held.bytes), Buffer.from(record.bytes));
    count++;
  }
  return count;
}

function segmentPaths(disk: SimDisk): string[] {
  return disk.paths().filter((path) => /^log\/.*\.seg$/.test(path));
}

/** A log of several segments without checkpoint or hint files, as a crash leaves it. */
async function severalSegments(
  records: readonly StoredRecord[],
  options: TestOptions = { segmentBytesMax: 600 },
): Promise<SimDisk> {
  const disk = new SimDisk();
  await mergeAll(await openTestStore(disk.session(), options), records);
  disk.crash();
  for (const path of disk.paths()) if (!path.endsWith('.seg')) disk.removeNow(path);
  assert.ok(segmentPaths(disk).length >= 3);
  return disk;
}

describe('damage in a finished segment', () => {
  test('costs what was hit and no more, is listed and copied, and is remembered as lost evidence', async () => {
    const records = recordsOf(30);
    const disk = await severalSegments(records);
    const [, second = ''] = segmentPaths(disk);
    disk.corrupt(second, segmentHeaderBytes + batchHeaderBytes + 60, 0xff);
    const store = await openTestStore(disk.session(), { segmentBytesMax: 600 });
    assert.equal(await countHeld(store, records), records.length - 1);
    assert.ok(store.status().quarantined.every((range) => range.file === second));
    assert.equal(store.status().evidenceLost, 'damaged');
    assert.ok(disk.paths().some((path) => path.startsWith('quarantine/log_')));
    // The next start loads a checkpoint and sees none of it.
    await store.close();
    // Nor does it need the folder, which the operator may have cleared.
    for (const path of disk.paths()) if (path.startsWith('quarantine/')) disk.removeNow(path);
    const again = await openTestStore(disk.session(), { segmentBytesMax: 600 });
    assert.deepEqual(again.status().quarantined, []);
    assert.equal(again.status().evidenceLost, 'damaged');
    await again.restoreEvidence();
    await again.close();
    assert.equal((await openTestStore(disk.session())).status().evidenceLost, false);
  });

  test('to its header costs nothing: its batches are found by themselves', async () => {
    const records = recordsOf(30);
    for (const position of [0, 1, -1]) {
      const disk = await severalSegments(records);
      const path = segmentPaths(disk).at(position) ?? '';
      for (let offset = 0; offset < segmentHeaderBytes; offset++) disk.corrupt(path, offset, 0xa5);
      const store = await openTestStore(disk.session(), { segmentBytesMax: 600 });
      assert.equal(await countHeld(store, records), records.length);
      assert.deepEqual(
        store.status().quarantined.map(({ file, offset, bytes }) => ({ file, offset, bytes })),
        [{ file: path, offset: 0, bytes: segmentHeaderBytes }],
      );
      await store.merge(recordOf({ key: 'later' }));
      disk.crash();
      assert.equal((await openTestStore(disk.session())).status().keys, records.length + 1);
    }
  });

  test('at its end is told from a write that was given up by what the next segment counts', async () => {
    const records = recordsOf(30);
    const disk = await severalSegments(records);
    const [, second = ''] = segmentPaths(disk);
    const length = disk.readNow(second)?.length ?? 0;
    disk.truncateNow(second, length - 1);
    const store = await openTestStore(disk.session(), { segmentBytesMax: 600 });
    assert.equal(await countHeld(store, records), records.length - 1);
    assert.equal(store.status().evidenceLost, 'damaged');
  });

  test('at its end costs only the entry that was hit, of a batch that holds several', async () => {
    const disk = new SimDisk();
    const store = await openTestStore(disk.session(), { segmentBytesMax: 600 });
    const batches = [recordsOf(4, 'first'), recordsOf(4, 'second'), recordsOf(4, 'third')];
    for (const batch of batches) await Promise.all(batch.map((record) => store.merge(record)));
    disk.crash();
    for (const path of disk.paths()) if (!path.endsWith('.seg')) disk.removeNow(path);
    const [first = ''] = segmentPaths(disk);
    assert.equal(segmentPaths(disk).length, 3, 'each batch fills a segment');
    disk.corrupt(first, segmentHeaderBytes + batchHeaderBytes + 60, 0xff);
    const restarted = await openTestStore(disk.session(), { segmentBytesMax: 600 });
    assert.equal(await countHeld(restarted, batches.flat()), 11);
    assert.equal(restarted.status().evidenceLost, 'damaged');
  });

  test('is not hidden by bytes in a value that look like a batch', async () => {
    // The marks of two logs differ, so what is a good batch in one is none in the other.
    const forged = await severalSegments(recordsOf(12, 'forged'), {
      segmentBytesMax: 600,
      random: { below: () => 0x1234_ffff },
    });
    const [first = ''] = segmentPaths(forged);
    const batches = forged.readNow(first)?.subarray(segmentHeaderBytes) ?? new Uint8Array(0);
    const disk = new SimDisk();
    const store = await openTestStore(disk.session(), { random: { below: () => 0x1234_5678 } });
    await store.merge(recordOf({ key: 'carrier', value: batches }));
    await store.merge(recordOf({ key: 'behind' }));
    disk.crash();
    disk.corrupt(first, segmentHeaderBytes + 4, 0xff);
    const damaged = await openTestStore(disk.session());
    const stolen = recordOf({ key: 'forged 0' });
    assert.equal(await damaged.get(stolen.key, stolen.token), undefined);
    const behind = recordOf({ key: 'behind' });
    assert.ok((await damaged.get(behind.key, behind.token)) !== undefined);
  });
});

describe('a torn tail', () => {
  test('that holds an old batch once more is not taken for a new one', async () => {
    const disk = new SimDisk();
    const store = await openTestStore(disk.session());
    const hint = recordOf({ key: 'a' });
    await store.putHint(n2, hint);
    const path = segmentPaths(disk)[0] ?? '';
    const first = disk.readNow(path)?.subarray(segmentHeaderBytes) ?? new Uint8Array(0);
    await store.removeHint(n2, hint);
    disk.crash();
    const whole = disk.readNow(path) ?? new Uint8Array(0);
    disk.writeNow(path, Uint8Array.of(...whole, ...first));
    const restarted = await openTestStore(disk.session());
    assert.deepEqual(restarted.hints(), [], 'the hint stays dropped');
    assert.deepEqual(
      restarted.status().quarantined.map((range) => range.offset),
      [whole.length],
    );
    assert.equal(disk.readNow(path)?.length, whole.length);
  });

  test('of zeros is cut off without a copy', async () => {
    const disk = new SimDisk();
    await mergeAll(await openTestStore(disk.session()), recordsOf(3));
    disk.crash();
    const path = segmentPaths(disk)[0] ?? '';
    const whole = disk.readNow(path) ?? new Uint8Array(0);
    disk.writeNow(path, Uint8Array.of(...whole, ...new Uint8Array(5_000)));
    const store = await openTestStore(disk.session());
    assert.equal(store.status().keys, 3);
    assert.equal(disk.readNow(path)?.length, whole.length);
    assert.ok(!disk.paths().some((name) => name.startsWith('quarantine/log_')));
  });
});

describe('a missing segment', () => {
  test('leaves the others readable, and is noticed wherever it was', async () => {
    const records = recordsOf(30);
    const count = segmentPaths(await severalSegments(records)).length;
    for (const position of [0, 1, count - 2]) {
      const disk = await severalSegments(records);
      disk.removeNow(segmentPaths(disk)[position] ?? '');
      const store = await openTestStore(disk.session(), { segmentBytesMax: 600 });
      const held = await countHeld(store, records);
      assert.ok(held > 0 && held < records.length);
      assert.equal(store.status().evidenceLost, 'damaged', `segment ${position}`);
      assert.match(store.status().quarantined[0]?.reason ?? '', /entries before it are missing/);
    }
  });

  test('that was the last one is noticed by the checkpoint', async () => {
    const disk = new SimDisk();
    const store = await openTestStore(disk.session(), { segmentBytesMax: 600 });
    await mergeAll(store, recordsOf(30));
    await store.close();
    disk.removeNow(segmentPaths(disk).at(-1) ?? '');
    assert.equal((await openTestStore(disk.session())).status().evidenceLost, 'damaged');
  });
});

describe('a checkpoint', () => {
  test('is used, so that only the tail is read', async () => {
    const disk = new SimDisk();
    const store = await openTestStore(disk.session(), { segmentBytesMax: 600 });
    const records = recordsOf(30);
    await mergeAll(store, records);
    await store.checkpoint();
    const tail = recordsOf(5, 'tail');
    await mergeAll(store, tail);
    disk.crash();
    const reads = new Map<string, number>();
    disk.beforeOperation = (operation, path) => {
      if (operation === 'read') reads.set(path, (reads.get(path) ?? 0) + 1);
    };
    const opened = await openTestStore(disk.session(), { segmentBytesMax: 600 });
    disk.beforeOperation = undefined;
    assert.equal(opened.status().keys, 35);
    const [first = '', second = ''] = segmentPaths(disk);
    assert.deepEqual([reads.get(first), reads.get(second)], [1, 1], 'no more than their headers');
    assert.ok((reads.get(segmentPaths(disk).at(-1) ?? '') ?? 0) > 1);
    assert.equal(await countHeld(opened, [...records, ...tail]), 35);
  });

  test('with any bit changed is set aside, and the index rebuilt from the log', async () => {
    const disk = new SimDisk();
    const records = recordsOf(6);
    const store = await openTestStore(disk.session(), { partitions: 4 });
    await mergeAll(store, records);
    await store.putHint(n2, recordOf({ key: 'hint' }));
    await store.close();
    const path = disk.paths().find((name) => name.endsWith('.ckpt')) ?? '';
    const files = new Map(disk.paths().map((name) => [name, disk.readNow(name) ?? new Uint8Array(0)]));
    for (let offset = 0; offset < (files.get(path)?.length ?? 0); offset += 3) {
      const copy = new SimDisk();
      for (const [name, bytes] of files) copy.writeNow(name, bytes);
      copy.corrupt(path, offset, 1 << (offset % 8));
      const opened = await openTestStore(copy.session(), { partitions: 4 });
      assert.equal(await countHeld(opened, records), records.length, `offset ${offset}`);
      assert.equal(opened.hints()[0]?.count, 1);
      assert.equal(opened.status().evidenceLost, 'fresh');
    }
  });

  test('whose slots point behind a tail that had to be cut is set aside', async () => {
    const held: (() => void)[] = [];
    let isHolding = false;
    const disk = new SimDisk({
      schedule: (operation, _bytes, complete) => {
        if (isHolding && operation === 'open') held.push(complete);
        else queueMicrotask(complete);
      },
    });
    const store = await openTestStore(disk.session());
    const [before, after] = [recordOf({ key: 'before' }), recordOf({ key: 'after' })];
    await store.merge(before);
    isHolding = true;
    const checkpoint = store.checkpoint();
    while (held.length === 0) await Promise.resolve();
    // Behind the checkpoint's position, but in its tables.
    await store.merge(after);
    isHolding = false;
    for (const complete of held) complete();
    await checkpoint;
    disk.crash();
    const path = segmentPaths(disk)[0] ?? '';
    disk.corrupt(path, (disk.readNow(path)?.length ?? 0) - 1, 1);
    const restarted = await openTestStore(disk.session());
    assert.equal(await countHeld(restarted, [before, after]), 1);
    assert.equal(restarted.status().keys, 1);
    assert.equal(
      restarted.status().evidenceLost,
      'damaged',
      'the checkpoint vouches that it had been durable',
    );
    await restarted.merge(after);
    assert.equal(await countHeld(restarted, [before, after]), 2);
  });

  test('does not stand on a segment that has no batch yet', async () => {
    const held: (() => void)[] = [];
    let isHolding = false;
    const disk = new SimDisk({
      schedule: (operation, bytes, complete) => {
        if (isHolding && operation === 'write' && bytes > 1_000 && held.length === 0) held.push(complete);
        else queueMicrotask(complete);
      },
    });
    const store = await openTestStore(disk.session(), { segmentBytesMax: 1_000 });
    await mergeAll(store, recordsOf(3));
    isHolding = true;
    // It starts a segment of its own, and its write does not end.
    store.merge(recordOf({ key: 'large', value: 'x'.repeat(1_500) })).catch(() => undefined);
    while (held.length === 0) await new Promise<void>((resolve) => testClock.nextTurn(resolve));
    await store.checkpoint();
    const checkpoints = disk.paths().filter((path) => path.startsWith('snapshot/'));
    for (let start = 0; start < 2; start++) {
      disk.crash();
      const restarted = await openTestStore(disk.session(), { segmentBytesMax: 1_000 });
      assert.equal(restarted.status().keys, 3);
      assert.deepEqual(
        disk.paths().filter((path) => path.startsWith('snapshot/')),
        checkpoints,
        'it still holds',
      );
    }
  });

  test('of other partitions is set aside', async () => {
    const disk = new SimDisk();
    const store = await openTestStore(disk.session(), { partitions: 16 });
    await mergeAll(store, recordsOf(20));
    await store.close();
    const warnings: string[] = [];
    const opened = await openTestStore(disk.session(), { partitions: 4, observer: warningsTo(warnings) });
    assert.equal(await countHeld(opened, recordsOf(20)), 20);
    assert.match(warnings[0] ?? '', /checkpoint 1 is set aside and the index rebuilt: .*table 4 too many/);
  });

  test('that is damaged is replaced by the one before', async () => {
    const disk = new SimDisk();
    const store = await openTestStore(disk.session());
    await mergeAll(store, recordsOf(10));
    await store.checkpoint();
    await mergeAll(store, recordsOf(5, 'between'));
    await store.checkpoint();
    disk.crash();
    disk.corrupt('snapshot/00000002.ckpt', 40, 0xff);
    const opened = await openTestStore(disk.session());
    assert.equal(opened.status().keys, 15);
    assert.ok(disk.paths().includes('snapshot/00000001.ckpt'));
    assert.ok(!disk.paths().includes('snapshot/00000002.ckpt'));
  });

  test('keeps one spare and no more', async () => {
    const disk = new SimDisk();
    const store = await openTestStore(disk.session());
    for (let round = 0; round < 5; round++) {
      await mergeAll(store, recordsOf(2, `round ${round}`));
      await store.checkpoint();
    }
    assert.deepEqual(
      disk.paths().filter((path) => path.startsWith('snapshot/')),
      ['snapshot/00000004.ckpt', 'snapshot/00000005.ckpt'],
    );
  });

  test('is not written again by a close without a change', async () => {
    const disk = new SimDisk();
    const store = await openTestStore(disk.session());
    await mergeAll(store, recordsOf(3));
    await store.close();
    await (await openTestStore(disk.session())).close();
    assert.deepEqual(
      disk.paths().filter((path) => path.startsWith('snapshot/')),
      ['snapshot/00000001.ckpt'],
    );
  });
});

describe('hint files', () => {
  test('stand in for finished segments when there is no checkpoint, and are ignored when damaged', async () => {
    const records = recordsOf(30);
    const disk = new SimDisk();
    const store = await openTestStore(disk.session(), { segmentBytesMax: 600 });
    await mergeAll(store, records);
    await store.putHint(n2, recordOf({ key: 'kept' }));
    await store.putHint(n2, recordOf({ key: 'dropped' }));
    await store.removeHint(n2, recordOf({ key: 'dropped' }));
    await mergeAll(store, recordsOf(30, 'more'));
    await store.close();
    const files = new Map(disk.paths().map((name) => [name, disk.readNow(name) ?? new Uint8Array(0)]));
    const hintPaths = [...files.keys()].filter((path) => path.endsWith('.hint'));
    assert.ok(hintPaths.length >= 3);
    for (const damage of ['none', 'flipped', 'short', 'swapped'] as const) {
      const copy = new SimDisk();
      for (const [path, bytes] of files) if (!path.endsWith('.ckpt')) copy.writeNow(path, bytes);
      for (const path of hintPaths) {
        if (damage === 'flipped') copy.corrupt(path, 50, 4);
        if (damage === 'short') copy.truncateNow(path, 60);
        if (damage === 'swapped') copy.writeNow(path, files.get(hintPaths[0] ?? '') ?? new Uint8Array(0));
      }
      const read: string[] = [];
      copy.beforeOperation = (operation, path) => {
        if (operation === 'size') read.push(path);
      };
      const opened = await openTestStore(copy.session(), { segmentBytesMax: 600 });
      copy.beforeOperation = undefined;
      assert.equal(await countHeld(opened, records), records.length, damage);
      assert.equal(opened.status().keys, 60);
      assert.deepEqual(opened.hints(), [{ target: n2, count: 1, bytes: opened.hints()[0]?.bytes }]);
      assert.equal(opened.status().logEntries, 63);
      assert.equal(opened.status().evidenceLost, 'fresh');
      assert.ok(read.some((path) => path.endsWith('.hint')));
    }
  });

  test('do not hide that their segment has been cut short', async () => {
    const records = recordsOf(30);
    const disk = new SimDisk();
    const store = await openTestStore(disk.session(), { segmentBytesMax: 600 });
    await mergeAll(store, records);
    await store.close();
    for (const path of disk.paths()) if (path.endsWith('.ckpt')) disk.removeNow(path);
    const [first = ''] = segmentPaths(disk);
    disk.truncateNow(first, (disk.readNow(first)?.length ?? 0) - 5);
    const opened = await openTestStore(disk.session());
    assert.equal(await countHeld(opened, records), records.length - 1);
    assert.equal(opened.status().evidenceLost, 'damaged');
    assert.equal(opened.status().quarantined[0]?.file, first);
  });

  test('do not hide what was written after a start that went on in their segment', async () => {
    const disk = new SimDisk();
    const store = await openTestStore(disk.session());
    const before = recordsOf(3, 'before');
    await mergeAll(store, before);
    // Ends the segment, and nothing is written any more that would start another.
    disk.failNext({ operation: 'write', pathIncludes: '.seg' });
    await assert.rejects(store.merge(recordOf({ key: 'refused' })), { code: 'DISK_WRITE_FAILED' });
    await store.close();
    assert.ok(disk.paths().some((path) => path.endsWith('.hint')));
    const after = recordsOf(20, 'after');
    const resumed = await openTestStore(disk.session(), { segmentBytesMax: 2_000 });
    disk.failNext({ operation: 'open', pathIncludes: '.hint' });
    await mergeAll(resumed, after);
    disk.crash();
    for (const path of disk.paths()) if (path.endsWith('.ckpt')) disk.removeNow(path);
    assert.ok(segmentPaths(disk).length >= 2);
    const opened = await openTestStore(disk.session());
    assert.equal(await countHeld(opened, [...before, ...after]), 23);
    assert.equal(opened.status().evidenceLost, 'fresh');
  });

  test('of segments that are gone, and unfinished files, are deleted', async () => {
    const disk = await severalSegments(recordsOf(30));
    const leftovers = ['log/00000077-00000077.1.hint', 'log/00000001-00000002.2.seg.tmp', 'snapshot/1.tmp'];
    for (const path of leftovers) disk.writeNow(path, new Uint8Array(10));
    await openTestStore(disk.session());
    for (const path of leftovers) assert.ok(!disk.paths().includes(path));
  });
});

describe('a start', () => {
  test('makes durable what it read before anything is answered from it', async () => {
    const disk = new SimDisk();
    const written = await openTestStore(disk.session(), { durability: { mode: 'never' } });
    const record = recordOf({ key: 'a' });
    await written.merge(record);
    // The process dies, the machine does not: what was written is still in the page cache.
    const restarted = await openTestStore(disk.session());
    assert.ok((await restarted.get(record.key, record.token)) !== undefined);
    disk.crash();
    const afterPowerCut = await openTestStore(disk.session());
    assert.ok((await afterPowerCut.get(record.key, record.token)) !== undefined);
  });

  test('on a disk that will not hand out one segment has what the others hold', async () => {
    const records = recordsOf(30);
    const disk = await severalSegments(records);
    const [, second = ''] = segmentPaths(disk);
    // The header can be read, what follows cannot.
    let reads = 0;
    disk.beforeOperation = (operation, path) => {
      if (operation !== 'read' || path !== second || ++reads !== 2) return;
      disk.failNext({ operation: 'read', pathIncludes: second, times: Infinity });
    };
    const store = await openTestStore(disk.session());
    const held = await countHeld(store, records);
    assert.ok(held > records.length / 2 && held < records.length);
    assert.equal(store.status().evidenceLost, 'damaged');
  });

  test('writes nothing into a segment that a checkpoint takes for finished', async () => {
    const disk = new SimDisk();
    const [before, after] = [recordOf({ key: 'before' }), recordOf({ key: 'after' })];
    await (await openTestStore(disk.session())).merge(before);
    disk.crash();
    // The next segment was made, and a crash came before anything was written to it.
    disk.writeNow(segmentPath({ firstId: 2, lastId: 2, generation: firstGeneration }), new Uint8Array(0));
    // This start gives the empty segment up, and its stop writes a checkpoint that ends with it.
    await (await openTestStore(disk.session())).close();
    disk.crash();
    await (await openTestStore(disk.session())).merge(after);
    disk.crash();
    const store = await openTestStore(disk.session());
    assert.equal(await countHeld(store, [before, after]), 2);
  });

  test('begins no segment before the end of a checkpoint that ends with one given up', async () => {
    const disk = new SimDisk();
    const records = [1, 2, 3].map((number) => recordOf({ key: `key-${number}` }));
    const [first = recordOf({ key: '' }), second = first, third = first] = records;
    await (await openTestStore(disk.session())).merge(first);
    disk.crash();
    const empty = segmentPath({ firstId: 3, lastId: 3, generation: firstGeneration });
    disk.writeNow(empty, new Uint8Array(0));
    // The stop of this life writes a checkpoint that ends with the empty third segment.
    await (await openTestStore(disk.session())).close();
    // What is written from now on is durable, whatever its segment is called.
    await (await openTestStore(disk.session())).merge(second);
    disk.crash();
    const store = await openTestStore(disk.session());
    assert.equal(await countHeld(store, [first, second]), 2);
    await store.merge(third);
    disk.crash();
    assert.equal(await countHeld(await openTestStore(disk.session()), records), 3);
  });

  test('counts the entries of the log on from where they were', async () => {
    const disk = new SimDisk();
    let store = await openTestStore(disk.session(), { segmentBytesMax: 600 });
    for (let round = 1; round <= 4; round++) {
      await mergeAll(store, recordsOf(10, `round ${round}`));
      assert.equal(store.status().logEntries, round * 10);
      if (round % 2 === 0) await store.close();
      else disk.crash();
      store = await openTestStore(disk.session(), { segmentBytesMax: 600 });
      assert.equal(store.status().logEntries, round * 10);
    }
  });

  test('refuses a log of a newer version rather than to lose what it does not know', async () => {
    const disk = new SimDisk();
    const store = await openTestStore(disk.session());
    const record = recordOf({ key: 'a' });
    // A record of a format to come, as far as this version can tell: intact, and not understood.
    const bytes = Uint8Array.from(record.bytes);
    bytes[4] = 2;
    await store.merge({ ...record, bytes });
    disk.crash();
    const refusal = await openTestStore(disk.session()).catch((error: unknown) => error);
    assert.equal(errorCodeOf(refusal), 'FORMAT_UNSUPPORTED');
  });
});

function warningsTo(lines: string[]): Observer {
  return {
    log: (level: LogLevel, _event: string, message: string) => {
      if (level === 'warn') lines.push(message);
    },
    count: () => undefined,
  };
}

function nodeId(text: string): NodeId {
  assert.ok(isNodeId(text));
  return text;
}
