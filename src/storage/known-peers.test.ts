import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { NodeId } from '../core/config.ts';
import { limits } from '../core/limits.ts';
import { silentObserver, type Observer } from '../ports/observer.ts';
import { SimulatedCrash } from '../sim/disk-faults.ts';
import { SimDisk } from '../sim/sim-disk.ts';
import { KnownPeers, knownPeersPath } from './known-peers.ts';

const n2 = 'n2' as NodeId;
const n3 = 'n3' as NodeId;
const log = { generation: 'abc', since: 2, entries: 100 };

function open(disk: SimDisk, members: readonly NodeId[] = [n2, n3], observer: Observer = silentObserver) {
  return KnownPeers.open({ disk: disk.session(), members, observer });
}

/** Lets what was begun in the background end. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 100; turn++) await Promise.resolve();
}

describe('known peers', () => {
  test('a life that was remembered is known after a power cut; an earlier one does not replace it', async () => {
    const disk = new SimDisk();
    const first = await open(disk);
    assert.equal(first.known(n2), undefined);
    await first.remember(n2, { incarnation: 7, life: 0xffff_ffff, log });
    await first.remember(n3, { incarnation: 1, life: 2, log });
    await first.remember(n2, { incarnation: 6, life: 1, log });
    disk.crash({ unsynced: 'lose' });
    const second = await open(disk);
    assert.deepEqual(second.known(n2), { incarnation: 7, life: 0xffff_ffff, log });
    assert.deepEqual(second.known(n3), { incarnation: 1, life: 2, log });
  });

  test('what is on disk is not waited for, and what is being saved is', async () => {
    const disk = new SimDisk();
    const peers = await open(disk);
    const life = { incarnation: 7, life: 1, log };
    const saving = peers.remember(n2, life);
    assert.ok(saving !== undefined);
    const again = peers.remember(n2, life);
    assert.ok(again !== undefined, 'a second connection of the same life must wait as well');
    await again;
    disk.crash({ unsynced: 'lose' });
    assert.deepEqual((await open(disk)).known(n2), life);
    assert.equal(peers.remember(n2, life), undefined);
  });

  test('all that is remembered while a save is under way is saved together, after it', async () => {
    const disk = new SimDisk();
    const ids = Array.from({ length: 20 }, (_, index) => `m${index}` as NodeId);
    const peers = await open(disk, ids);
    const before = disk.operations;
    await peers.remember(n2, { incarnation: 1, life: 1, log });
    const ofOneSave = disk.operations - before;
    await Promise.all(ids.map((id) => peers.remember(id, { incarnation: 1, life: 1, log })));
    assert.ok(disk.operations - before <= 3 * ofOneSave, `${disk.operations - before} operations`);
    disk.crash({ unsynced: 'lose' });
    const again = await open(disk, ids);
    assert.ok(ids.every((id) => again.known(id) !== undefined));
  });

  test('a power cut at any operation of a save leaves what was known before, or more', async () => {
    for (let at = 0; ; at++) {
      const disk = new SimDisk();
      await (await open(disk)).remember(n2, { incarnation: 7, life: 1, log });
      const peers = await open(disk);
      const start = disk.operations;
      disk.beforeOperation = (_operation, _path, index) => {
        if (index === start + at) throw new SimulatedCrash();
      };
      const crashed = disk.whenCrashed().then(() => 'crashed');
      const saved = peers.remember(n2, { incarnation: 8, life: 1, log })?.then(() => 'saved');
      const outcome = await Promise.race([saved, crashed]);
      disk.beforeOperation = undefined;
      const known = (await open(disk)).known(n2)?.incarnation;
      assert.ok(known === 8 || (known === 7 && outcome === 'crashed'), `operation ${at}: ${known}`);
      if (outcome === 'saved') return;
    }
  });

  test('how far a log has come is known at once, and on disk at most every few seconds', async () => {
    const disk = new SimDisk();
    const peers = await open(disk);
    const life = { incarnation: 7, life: 1 };
    await peers.remember(n2, { ...life, log });
    let saves = 0;
    disk.beforeOperation = (operation, path) => {
      if (operation === 'rename' && path.startsWith(knownPeersPath)) saves++;
    };
    const savedEntries: (number | undefined)[] = [];
    for (let beat = 0; beat < 31; beat++) {
      const nowMs = 1_000 + beat * 500;
      peers.logReached({ id: n2, ...life }, log.entries + Math.min(beat, 25), nowMs);
      assert.equal(peers.known(n2)?.log.entries, log.entries + Math.min(beat, 25));
      await settled();
      if (nowMs % 5_000 < 500) savedEntries.push((await open(disk)).known(n2)?.log.entries);
    }
    assert.equal(limits.knownPeersSaveMs, 5_000);
    assert.deepEqual(savedEntries, [101, 111, 121]);
    assert.equal(saves, 3);
    await settled();
    disk.crash({ unsynced: 'lose' });
    assert.equal((await open(disk)).known(n2)?.log.entries, 121);
  });

  test('fewer entries than were heard, and those of another life, change nothing', async () => {
    const disk = new SimDisk();
    const peers = await open(disk);
    peers.logReached({ id: n2, incarnation: 7, life: 1 }, 5, 0);
    assert.equal(peers.known(n2), undefined);
    await peers.remember(n2, { incarnation: 7, life: 1, log });
    const operations = disk.operations;
    peers.logReached({ id: n2, incarnation: 7, life: 1 }, 99, 10_000);
    peers.logReached({ id: n2, incarnation: 6, life: 1 }, 1_000, 20_000);
    peers.logReached({ id: n2, incarnation: 7, life: 2 }, 1_000, 30_000);
    await settled();
    assert.equal(peers.known(n2)?.log.entries, 100);
    assert.equal(disk.operations, operations, 'and nothing is saved');
  });

  test('what was heard last is saved when it is closed, and nothing when all is', async () => {
    const disk = new SimDisk();
    const peers = await open(disk);
    const life = { incarnation: 7, life: 1 };
    await peers.remember(n2, { ...life, log });
    peers.logReached({ id: n2, ...life }, 101, 10_000);
    peers.logReached({ id: n2, ...life }, 102, 10_001);
    await peers.close();
    assert.equal((await open(disk)).known(n2)?.log.entries, 102);
    const operations = disk.operations;
    await peers.close();
    assert.equal(disk.operations, operations);
  });

  test('a file with any bit changed, or cut short, is reported and begun again', async () => {
    const disk = new SimDisk();
    await (await open(disk)).remember(n2, { incarnation: 7, life: 12, log });
    const bytes = disk.readNow(knownPeersPath) ?? new Uint8Array(0);
    const events: string[] = [];
    const observer: Observer = { log: (_level, event) => void events.push(event), count() {} };
    for (let offset = 0; offset < bytes.length - 1; offset++) {
      const flipped = Uint8Array.from(bytes);
      flipped[offset] = (flipped[offset] ?? 0) ^ (1 << (offset % 7));
      for (const damaged of [flipped, bytes.subarray(0, offset)]) {
        disk.writeNow(knownPeersPath, damaged);
        const peers = await open(disk, [n2], observer);
        assert.equal(peers.known(n2), undefined, `offset ${offset}`);
        assert.deepEqual(events.splice(0), ['known-peers.damaged']);
      }
    }
    const begun = await open(disk);
    await begun.remember(n2, { incarnation: 9, life: 1, log });
    assert.deepEqual((await open(disk)).known(n2), { incarnation: 9, life: 1, log });
  });

  test('a disk that takes nothing is reported, nobody waits for ever, and the next call tries again', async () => {
    const disk = new SimDisk();
    const events: string[] = [];
    const observer: Observer = { log: (_level, event) => void events.push(event), count() {} };
    const peers = await open(disk, [n2], observer);
    disk.failNext({ operation: 'write', code: 'DISK_FULL' });
    await peers.remember(n2, { incarnation: 7, life: 1, log });
    assert.deepEqual(events, ['known-peers.unsaved']);
    assert.deepEqual(peers.known(n2), { incarnation: 7, life: 1, log }, 'as long as this process lives');
    await peers.remember(n2, { incarnation: 7, life: 1, log });
    assert.deepEqual((await open(disk)).known(n2), { incarnation: 7, life: 1, log });
  });

  test('a disk that goes on taking nothing is reported once', async () => {
    const disk = new SimDisk();
    const events: string[] = [];
    const observer: Observer = { log: (_level, event) => void events.push(event), count() {} };
    const peers = await open(disk, [n2], observer);
    const life = { incarnation: 7, life: 1 };
    await peers.remember(n2, { ...life, log });
    for (const [round, entries] of [200, 300].entries()) {
      const end = disk.failNext({ operation: 'write', code: 'DISK_FULL', times: Infinity });
      for (let beat = 0; beat < 3; beat++) {
        peers.logReached({ id: n2, ...life }, entries + beat, (10 * round + beat) * limits.knownPeersSaveMs);
        await settled();
      }
      end();
      peers.logReached({ id: n2, ...life }, entries + 3, (10 * round + 3) * limits.knownPeersSaveMs);
      await settled();
    }
    assert.deepEqual(events, ['known-peers.unsaved', 'known-peers.unsaved']);
    assert.equal((await open(disk)).known(n2)?.log.entries, 303);
  });

  test('a node that is no member any more is forgotten', async () => {
    const disk = new SimDisk();
    const peers = await open(disk);
    await peers.remember(n2, { incarnation: 7, life: 1, log });
    await peers.remember(n3, { incarnation: 7, life: 1, log });
    const fewer = await open(disk, [n2]);
    assert.equal(fewer.known(n3), undefined);
    await fewer.remember(n2, { incarnation: 8, life: 1, log });
    assert.equal((await open(disk)).known(n3), undefined);
  });
});
