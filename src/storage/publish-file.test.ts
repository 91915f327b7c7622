import assert from 'node:assert/strict';
import { test } from 'node:test';
import { equalBytes } from '../core/bytes.ts';
import { SimulatedCrash } from '../sim/disk-faults.ts';
import { SimDisk } from '../sim/sim-disk.ts';
import { SimRandom } from '../sim/sim-random.ts';
import { publishFile } from './publish-file.ts';

const oldContent = new Uint8Array(3_000).fill(1);
const newContent = new Uint8Array(5_000).fill(2);

function withOldFile(seed: number): SimDisk {
  const disk = new SimDisk({ random: new SimRandom(seed) });
  disk.writeNow('folder/file', oldContent);
  return disk;
}

/** Publishes the new content with the power going out before operation number `operation`. */
async function publishUntilCrash(disk: SimDisk, operation: number): Promise<'published' | 'crashed'> {
  const from = disk.operations;
  disk.crashFate = 'tear';
  disk.beforeOperation = (_kind, _path, index) => {
    if (index - from === operation) throw new SimulatedCrash();
  };
  const crashed = disk.whenCrashed();
  const publishing = publishFile(disk, 'folder/file', (file) => file.write([newContent], 0));
  const outcome = await Promise.race([
    publishing.then(
      () => 'published' as const,
      () => 'crashed' as const,
    ),
    crashed.then(() => 'crashed' as const),
  ]);
  disk.beforeOperation = undefined;
  return outcome;
}

test('a power cut at any operation leaves the old content or the new, and the new once it resolved', async () => {
  const seen = new Set<string>();
  for (let seed = 0; seed < 20; seed++) {
    for (let operation = 0; ; operation++) {
      const disk = withOldFile(seed);
      const outcome = await publishUntilCrash(disk, operation);
      if (outcome === 'published') disk.crash({ unsynced: 'lose' });
      const content = disk.readNow('folder/file');
      const isNew = content?.[0] === 2;
      assert.ok(
        content !== undefined && equalBytes(content, isNew ? newContent : oldContent),
        `seed ${seed}, crash before operation ${operation}: neither the old content nor the new`,
      );
      seen.add(`${outcome} ${isNew ? 'new' : 'old'}`);
      if (outcome === 'published') break;
    }
  }
  assert.deepEqual([...seen].sort(), ['crashed new', 'crashed old', 'published new']);
});
