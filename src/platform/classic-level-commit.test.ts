import assert from 'node:assert/strict';
import { test } from 'node:test';

import { StoreError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { CommitQueue, type CommitBatch, type Operation } from './classic-level-commit.ts';

/** A turn of the event loop is whenever `nextTurn` says, a write lasts until the test settles it. */
class Stage {
  readonly batches: CommitBatch[] = [];
  readonly failures: unknown[] = [];
  readonly #turns: (() => void)[] = [];
  readonly #writes: PromiseWithResolvers<void>[] = [];
  readonly queue = new CommitQueue({
    clock: {
      wallNow: () => 0,
      monotonicNow: () => 0,
      startTimer: () => () => {},
      nextTurn: (callback) => void this.#turns.push(callback),
    },
    write: (batch) => {
      this.batches.push(batch);
      const write = Promise.withResolvers<void>();
      this.#writes.push(write);
      return write.promise;
    },
    onFailure: (error) => void this.failures.push(error),
  });

  async endTurn(): Promise<void> {
    for (const callback of this.#turns.splice(0)) callback();
    await settle();
  }

  async endWrite(error?: unknown): Promise<void> {
    const write = this.#writes.shift();
    if (error === undefined) write?.resolve();
    else write?.reject(error);
    await settle();
  }
}

async function settle(): Promise<void> {
  for (let hop = 0; hop < 10; hop++) await Promise.resolve();
}

function operation(bytes = 1): Operation {
  return { rows: [], figures: { space: '', keys: 1, bytes }, bytes };
}

async function stateOf(promise: Promise<void>): Promise<string> {
  return Promise.race([
    promise.then(
      () => 'kept',
      () => 'refused',
    ),
    settle().then(() => 'waiting'),
  ]);
}

test('what one turn produced goes out as one batch, and nobody is told before it is written', async () => {
  const stage = new Stage();
  const added = [operation(), operation(), operation()].map((each) => stage.queue.add(each));
  await settle();
  assert.equal(stage.batches.length, 0);
  await stage.endTurn();
  assert.equal(stage.batches.length, 1);
  assert.equal(stage.batches[0]?.operations.length, 3);
  for (const promise of added) assert.equal(await stateOf(promise), 'waiting');
  await stage.endWrite();
  for (const promise of added) assert.equal(await stateOf(promise), 'kept');
});

test('while one batch is written the next fills, and it is written after it', async () => {
  const stage = new Stage();
  const first = stage.queue.add(operation());
  await stage.endTurn();
  const [second, third] = [stage.queue.add(operation()), stage.queue.add(operation())];
  await stage.endTurn();
  assert.equal(stage.batches.length, 1);
  await stage.endWrite();
  assert.equal(await stateOf(first), 'kept');
  assert.equal(await stateOf(second), 'waiting');
  assert.equal(stage.batches[1]?.operations.length, 2);
  await stage.endWrite();
  assert.equal(await stateOf(third), 'kept');
});

test('a failed batch refuses what is queued behind it too, and the queue goes on afterwards', async () => {
  const stage = new Stage();
  const first = stage.queue.add(operation());
  await stage.endTurn();
  const second = stage.queue.add(operation());
  await stage.endWrite(new StoreError('DISK_FULL', 'full'));
  assert.equal(await stateOf(first), 'refused');
  assert.equal(await stateOf(second), 'refused');
  assert.equal(stage.batches.length, 1);
  assert.equal(stage.failures.length, 1);
  const third = stage.queue.add(operation());
  await stage.endTurn();
  await stage.endWrite();
  assert.equal(await stateOf(third), 'kept');
});

test('a sync marks the batch it waits for, even an empty one', async () => {
  const stage = new Stage();
  const synced = stage.queue.sync();
  await stage.endTurn();
  assert.deepEqual(
    stage.batches.map(({ operations, mustSync }) => ({ operations, mustSync })),
    [{ operations: [], mustSync: true }],
  );
  await stage.endWrite();
  assert.equal(await stateOf(synced), 'kept');
});

test('a batch is closed at its limit', async () => {
  const stage = new Stage();
  const half = Math.ceil(limits.batchBytesMax / 2) + 1;
  const added = [half, half, half].map((bytes) => stage.queue.add(operation(bytes)));
  await stage.endTurn();
  await stage.endWrite();
  await stage.endWrite();
  await stage.endWrite();
  assert.equal(stage.batches.length, 3);
  for (const promise of added) assert.equal(await stateOf(promise), 'kept');
});

test('past the limit of the queue an operation is refused, and taken again once there is room', async () => {
  const stage = new Stage();
  const added = stage.queue.add(operation(limits.logQueueBytesMax));
  assert.throws(() => stage.queue.add(operation()), { name: 'StoreError', code: 'OVERLOADED' });
  assert.equal(stage.queue.queuedBytes, limits.logQueueBytesMax);
  await stage.endTurn();
  await stage.endWrite();
  assert.equal(stage.queue.queuedBytes, 0);
  assert.equal(await stateOf(added), 'kept');
  assert.equal(await stateOf(stage.queue.add(operation())), 'waiting');
});

test('idle waits for everything that is queued', async () => {
  const stage = new Stage();
  const added = stage.queue.add(operation());
  const idle = stage.queue.idle();
  await stage.endTurn();
  assert.equal(await stateOf(idle), 'waiting');
  await stage.endWrite();
  assert.equal(await stateOf(idle), 'kept');
  assert.equal(await stateOf(added), 'kept');
});
