/**
 * The failure stories of `mini-dynamo demo`, on real processes that are really killed.
 *
 * Each story is a list of steps that can fail: what is claimed in a sentence is checked before the sentence
 * gets its ✔. Waits ask for a condition until a bound; none of them sleeps and hopes.
 */

import { hasStatus, statusText } from './key-client.ts';
import { expect, type Steps } from './steps.ts';
import type { ThrowawayCluster } from './throwaway-cluster.ts';
import { waitUntil } from './wait-until.ts';

/** Longest wait for hints to be written or handed over: seconds are usual. */
const healBoundMs = 30_000;
/** As many writes as the Go demo's third story missed. */
const missedWrites = 51;
const keptKeys = 100;

export interface Story {
  readonly title: string;
  /** False for a cluster that keeps no hints. */
  readonly hints?: false;
  /** Stops at the first step that fails and resolves to false. */
  readonly tell: (cluster: ThrowawayCluster, steps: Steps) => Promise<boolean>;
}

export const stories: readonly Story[] = [
  { title: '1. A write while a node is dead reaches that node later', tell: tellHandoff },
  { title: '2. A deleted key does not come back', tell: tellDelete },
  {
    title: `3. A node that missed ${missedWrites} writes catches up although nobody reads`,
    tell: tellCatchUp,
  },
  { title: '4. A restart keeps the data, after a clean stop and after a power cut', tell: tellRestart },
  {
    title: `5. The same ${missedWrites} writes with hints switched off: anti-entropy alone`,
    hints: false,
    tell: tellCatchUpWithoutHints,
  },
];

type Step = readonly [sentence: string, action: () => Promise<void>];

async function inOrder(steps: Steps, list: readonly Step[]): Promise<boolean> {
  for (const [sentence, action] of list) {
    if (!(await steps.step(sentence, action))) return false;
  }
  return true;
}

function tellHandoff(cluster: ThrowawayCluster, steps: Steps): Promise<boolean> {
  const key = 'story-1';
  return inOrder(steps, [
    [
      'no node keeps a hint for another',
      () => expectHints(cluster, ['n1', 'n2', 'n3'], (count) => count === 0),
    ],
    ['n2 is killed (SIGKILL)', () => cluster.kill('n2')],
    ['a write is acknowledged all the same', () => putAt(cluster, 'n1', key, 'written without n2')],
    [
      'one of the living keeps a hint for n2: the hint count rises',
      () => expectHints(cluster, ['n1', 'n3'], (count) => count > 0),
    ],
    ['n2 is started again', () => started(cluster, 'n2')],
    [
      'the hint is handed over: the hint count is back at 0',
      () => expectHints(cluster, ['n1', 'n3'], (count) => count === 0),
    ],
    [
      'n2 has the record on its own disk (its /internal/get asks nobody)',
      () => expectLocal(cluster, 'n2', key, 'written without n2'),
    ],
  ]);
}

function tellDelete(cluster: ThrowawayCluster, steps: Steps): Promise<boolean> {
  const key = 'story-2';
  return inOrder(steps, [
    ['a key is written', () => putAt(cluster, 'n1', key, 'old value')],
    ['n2 has it on its own disk', () => expectLocal(cluster, 'n2', key, 'old value')],
    ['n2 is killed (SIGKILL)', () => cluster.kill('n2')],
    ['the key is deleted while n2 is away', () => deleteAt(cluster, 'n1', key)],
    ['n2, which still has the old value, is started again', () => cluster.start('n2')],
    ['no node ever answers the old value while n2 learns of the delete', () => neverReads(cluster, key)],
    ['n2 has the tombstone on its own disk', () => expectTombstone(cluster, 'n2', key)],
    ['the three find each other again', () => cluster.connected()],
  ]);
}

function tellCatchUp(cluster: ThrowawayCluster, steps: Steps): Promise<boolean> {
  const keys = Array.from({ length: missedWrites }, (_, index) => `story-3-${index + 1}`);
  return inOrder(steps, [
    ['n3 is killed (SIGKILL)', () => cluster.kill('n3')],
    [
      `${missedWrites} keys are written while n3 is away`,
      async () => {
        for (const key of keys) await putAt(cluster, 'n1', key, `value of ${key}`);
      },
    ],
    ['n3 is started again', () => started(cluster, 'n3')],
    [
      `n3 has all ${missedWrites} on its own disk, and not one was read`,
      async () => {
        for (const key of keys) await expectLocal(cluster, 'n3', key, `value of ${key}`);
      },
    ],
    ['no hints are left', () => expectHints(cluster, ['n1', 'n2', 'n3'], (count) => count === 0)],
  ]);
}

function tellCatchUpWithoutHints(cluster: ThrowawayCluster, steps: Steps): Promise<boolean> {
  const keys = Array.from({ length: missedWrites }, (_, index) => `story-5-${index + 1}`);
  return inOrder(steps, [
    ['n3 is killed (SIGKILL)', () => cluster.kill('n3')],
    [
      `${missedWrites} keys are written while n3 is away, and one is deleted`,
      async () => {
        for (const key of keys) await putAt(cluster, 'n1', key, `value of ${key}`);
        await deleteAt(cluster, 'n1', 'story-5-1');
      },
    ],
    ['nobody keeps a hint', () => expectHints(cluster, ['n1', 'n2'], (count) => count === 0)],
    ['n3 is started again', () => started(cluster, 'n3')],
    [
      `n3 has fetched all ${missedWrites} from the others, and not one was read`,
      async () => {
        for (const key of keys.slice(1)) await expectLocal(cluster, 'n3', key, `value of ${key}`);
        await expectTombstone(cluster, 'n3', 'story-5-1');
      },
    ],
  ]);
}

function tellRestart(cluster: ThrowawayCluster, steps: Steps): Promise<boolean> {
  const keys = Array.from({ length: keptKeys }, (_, index) => `story-4-${index + 1}`);
  const write = async (generation: string): Promise<void> => {
    for (const key of keys) await putAt(cluster, 'n1', key, `${key} ${generation}`);
  };
  const readAll = async (generation: string): Promise<void> => {
    for (const key of keys) await expectRead(cluster, 'n2', key, `${key} ${generation}`);
  };
  return inOrder(steps, [
    [`${keptKeys} keys are written`, () => write('first')],
    [
      'all nodes are stopped cleanly (SIGTERM)',
      async () => {
        const outcomes = await Promise.all(cluster.ids.map((id) => cluster.stop(id)));
        expect(
          outcomes.every((outcome) => outcome === 'ended'),
          `they ended as: ${outcomes.join(', ')}`,
        );
      },
    ],
    ['they are started again', () => started(cluster, ...cluster.ids)],
    [`all ${keptKeys} keys are read back`, () => readAll('first')],
    [`all ${keptKeys} keys are written anew`, () => write('second')],
    [
      'all nodes are killed at once (SIGKILL), right after the last acknowledgement',
      () => cluster.kill(...cluster.ids),
    ],
    ['they are started again', () => started(cluster, ...cluster.ids)],
    [`all ${keptKeys} keys are read back with their new values`, () => readAll('second')],
  ]);
}

async function started(cluster: ThrowawayCluster, ...ids: readonly string[]): Promise<void> {
  await cluster.start(...ids);
  await cluster.connected();
}

async function putAt(cluster: ThrowawayCluster, id: string, key: string, value: string): Promise<void> {
  const reply = await cluster.client(id).put(key, value);
  expect(hasStatus(reply, 204), `PUT ${key} at ${id} answered ${statusText(reply)}`);
}

async function deleteAt(cluster: ThrowawayCluster, id: string, key: string): Promise<void> {
  const reply = await cluster.client(id).delete(key);
  expect(hasStatus(reply, 204), `DELETE ${key} at ${id} answered ${statusText(reply)}`);
}

async function expectRead(cluster: ThrowawayCluster, id: string, key: string, value: string): Promise<void> {
  const reply = await cluster.client(id).get(key);
  expect(hasStatus(reply, 200), `GET ${key} at ${id} answered ${statusText(reply)}`);
  expect(
    reply.body.toString() === value,
    `GET ${key} at ${id} read ${JSON.stringify(reply.body.toString())}`,
  );
}

/** Waits until the hints that these nodes keep together fulfil a condition. */
async function expectHints(
  cluster: ThrowawayCluster,
  ids: readonly string[],
  condition: (count: number) => boolean,
): Promise<void> {
  let count = 0;
  const fulfilled = await waitUntil(
    async () => {
      const counts = await Promise.all(ids.map((id) => cluster.client(id).hintCount()));
      count = counts.reduce((sum, each) => sum + each, 0);
      return condition(count);
    },
    { boundMs: healBoundMs },
  );
  expect(fulfilled, `${ids.join(' and ')} still keep ${count} hints after ${healBoundMs / 1000} s`);
}

async function expectLocal(cluster: ThrowawayCluster, id: string, key: string, value: string): Promise<void> {
  const client = cluster.client(id);
  let seen = 'nothing';
  const found = await waitUntil(
    async () => {
      const record = await client.localRecord(key);
      seen = record.kind === 'value' ? record.value.toString() : record.kind;
      return seen === value;
    },
    { boundMs: healBoundMs },
  );
  expect(found, `${id} has ${JSON.stringify(seen)} under ${key} after ${healBoundMs / 1000} s`);
}

async function expectTombstone(cluster: ThrowawayCluster, id: string, key: string): Promise<void> {
  const record = await cluster.client(id).localRecord(key);
  expect(record.kind === 'tombstone', `${id} has a ${record.kind} under ${key}`);
}

/** Reads at every node, again and again, until n2 has the tombstone; the value must never appear. */
async function neverReads(cluster: ThrowawayCluster, key: string): Promise<void> {
  let reads = 0;
  const answered = new Set<string>();
  const learned = await waitUntil(
    async () => {
      for (const id of cluster.ids) {
        const reply = await cluster.client(id).get(key);
        // A node that has just started may not have found the others yet: it says so, and shows no value.
        if (hasStatus(reply, 503)) continue;
        answered.add(id);
        expect(hasStatus(reply, 404), `GET ${key} at ${id} answered ${statusText(reply)}`);
        reads += 1;
      }
      if (answered.size < cluster.ids.length) return false;
      return (await cluster.client('n2').localRecord(key)).kind === 'tombstone';
    },
    { boundMs: healBoundMs },
  );
  expect(
    answered.size === cluster.ids.length,
    `of the three only ${[...answered].join(', ')} answered ${key}`,
  );
  expect(learned, `n2 still has the old value after ${reads} reads and ${healBoundMs / 1000} s`);
}
