import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { isNodeId, type NodeId } from '../core/config.ts';
import { SimulatedCrash } from '../sim/disk-faults.ts';
import { SimDisk } from '../sim/sim-disk.ts';
import { loadNodeState, nodeStatePath, saveNodeState, type NodeState } from './node-state.ts';

const state: NodeState = {
  nodeId: nodeId('n1'),
  clusterName: 'mini-dynamo',
  partitions: 256,
  generation: 'k3f9xa',
  generationSince: 5,
  incarnation: 7,
  clockBoundWallMs: 1_795_346_000_000,
};

describe('node state', () => {
  test('is undefined in an empty directory and comes back as it was saved', async () => {
    const disk = new SimDisk();
    assert.equal(await loadNodeState(disk), undefined);
    await saveNodeState(disk, state);
    disk.crash();
    assert.deepEqual(await loadNodeState(disk), state);
  });

  test('says nothing of where its generation began when it is the first, like files from before it was kept', async () => {
    const disk = new SimDisk();
    const first = { ...state, generationSince: 0 };
    await saveNodeState(disk, first);
    assert.ok(!new TextDecoder().decode(disk.readNow(nodeStatePath)).includes('generationSince'));
    assert.deepEqual(await loadNodeState(disk), first);
  });

  test('is the old or the new one after a power cut at any operation of a save', async () => {
    const next = { ...state, incarnation: 8 };
    let seen = 0;
    for (let at = 0; ; at++) {
      const disk = new SimDisk();
      await saveNodeState(disk, state);
      const start = disk.operations;
      disk.beforeOperation = (_operation, _path, index) => {
        if (index === start + at) throw new SimulatedCrash();
      };
      const crashed = disk.whenCrashed().then(() => 'crashed');
      const outcome = await Promise.race([saveNodeState(disk.session(), next).then(() => 'saved'), crashed]);
      disk.beforeOperation = undefined;
      const loaded = await loadNodeState(disk);
      assert.ok(loaded?.incarnation === 7 || loaded?.incarnation === 8);
      if (outcome === 'saved') {
        assert.equal(loaded.incarnation, 8);
        break;
      }
      seen++;
    }
    assert.ok(seen >= 5, 'open, write, sync, close, rename and the sync of the folder');
  });

  test('with any bit changed or cut short at any byte is an error that names the file', async () => {
    const disk = new SimDisk();
    await saveNodeState(disk, state);
    const bytes = disk.readNow(nodeStatePath) ?? new Uint8Array(0);
    for (let offset = 0; offset < bytes.length - 1; offset++) {
      const flipped = Uint8Array.from(bytes);
      flipped[offset] = (flipped[offset] ?? 0) ^ (1 << (offset % 7));
      disk.writeNow(nodeStatePath, flipped);
      await assert.rejects(loadNodeState(disk), /node-state\.json/, `offset ${offset}`);
      disk.writeNow(nodeStatePath, bytes.subarray(0, offset));
      await assert.rejects(loadNodeState(disk), { code: 'LOG_CORRUPT' });
    }
  });

  test('of another format, of the wrong types or far too long is refused', async () => {
    const disk = new SimDisk();
    const texts = ['null', '[]', '{"format":1,"state":{}}', '{"format":1,"state":{"nodeId":"../x"}}'];
    for (const text of texts) {
      disk.writeNow(nodeStatePath, new TextEncoder().encode(text));
      await assert.rejects(loadNodeState(disk), /node-state\.json/, text);
    }
    disk.writeNow(nodeStatePath, new TextEncoder().encode('{"format":2}'));
    await assert.rejects(loadNodeState(disk), { code: 'FORMAT_UNSUPPORTED' });
    disk.writeNow(nodeStatePath, new Uint8Array(20_000));
    await assert.rejects(loadNodeState(disk), { code: 'LOG_CORRUPT' });
  });
});

function nodeId(text: string): NodeId {
  assert.ok(isNodeId(text));
  return text;
}
