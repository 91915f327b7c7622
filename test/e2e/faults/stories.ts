/**
 * Stories of one fault each, played on real nodes under load. A story says what clients must see while its fault
 * lasts; that no promise was broken is judged afterwards, for all stories alike (`verdict.ts`).
 */

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';

import { waitUntil } from '../../../src/cli/wait-until.ts';
import { timing, type FaultCluster, type FaultClusterOptions } from './fault-cluster.ts';
import type { RecordedLoad } from './recorded-load.ts';

export interface Story {
  readonly name: string;
  readonly title: string;
  readonly options?: FaultClusterOptions;
  /** The promises that this story must break: it shows that the checkers see it. */
  readonly breaks?: readonly string[];
  play(cluster: FaultCluster, load: RecordedLoad): Promise<void>;
}

/** After a fault a node serves again within this time. */
const recoverWithinMs = 10_000;
const warmUpMs = 300;
const outlastMs = 3 * timing.peerDownAfterMs;
const minuteMs = 60_000;

const partition: Story = {
  name: 'partition',
  title: 'a partition leaves the majority at work and the node that is alone refusing, and heals',
  async play(cluster, load) {
    await sleep(warmUpMs);
    await cluster.network.isolate('n3');
    const since = load.mark;
    await sleep(outlastMs);
    await expectStored(cluster, load, since, ['n1', 'n2']);
    const alone = load.outcomes('n3', since);
    for (const kind of ['stored', 'found', 'missing']) {
      assert.equal(alone.get(kind) ?? 0, 0, `the lonely node answered ${kind}`);
    }
    assert.ok((alone.get('unknown') ?? 0) > 0, 'the lonely node was asked for no write');
    assert.ok((alone.get('unavailable') ?? 0) > 0, 'the lonely node was asked for no read');
    await expectHits(cluster);
    await cluster.network.heal();
    await expectRecovery(cluster, load);
  },
};

const oneWay: Story = {
  name: 'one-way',
  title: 'a link that loses 30 % one way, and then everything, stops no client',
  async play(cluster, load) {
    await sleep(warmUpMs);
    const since = load.mark;
    await cluster.network.hurt('n1', 'n2', { kind: 'loss', percent: 30 });
    await sleep(outlastMs);
    await expectStored(cluster, load, since, cluster.ids);
    await expectHits(cluster);
    const cut = load.mark;
    await cluster.network.hurt('n1', 'n2', { kind: 'drop' });
    await sleep(outlastMs);
    await expectStored(cluster, load, cut, cluster.ids);
    await cluster.network.heal();
    await expectRecovery(cluster, load);
  },
};

const pause: Story = {
  name: 'pause',
  title: 'an owner that is stopped for longer than peers wait gets what it missed by hints',
  async play(cluster, load) {
    await sleep(warmUpMs);
    cluster.pause('n2');
    const since = load.mark;
    await sleep(outlastMs);
    await expectStored(cluster, load, since, ['n1', 'n3']);
    const hints = (await cluster.client('n1').hintCount()) + (await cluster.client('n3').hintCount());
    assert.ok(hints > 0, 'nobody keeps a hint for the node that is stopped');
    cluster.resume('n2');
    await expectRecovery(cluster, load);
  },
};

const resets: Story = {
  name: 'resets',
  title: 'connections that are reset in mid-frame come back, and nothing is lost',
  async play(cluster, load) {
    const since = load.mark;
    for (let round = 0; round < 3; round++) {
      await sleep(warmUpMs);
      await cluster.network.hurt('n1', 'n2', { kind: 'reset' });
      await cluster.network.hurt('n2', 'n1', { kind: 'reset' });
      await sleep(300);
      await expectHits(cluster);
      await cluster.network.heal();
    }
    await expectRecovery(cluster, load);
    await expectStored(cluster, load, since, cluster.ids);
  },
};

const clocks: Story = {
  name: 'clocks',
  title: 'a clock 300 ms off is tolerated, one that is set far off is refused, and time heals it',
  options: { fakeClocks: true },
  async play(cluster, load) {
    await sleep(warmUpMs);
    cluster.setClock('n3', 300);
    const slightly = load.mark;
    await sleep(1_000);
    for (const id of cluster.ids) {
      const refusals = [...load.outcomes(id, slightly).keys()].filter((name) => name.startsWith('CLOCK'));
      assert.deepEqual(refusals, [], `${id} with a clock 300 ms off`);
    }
    await expectStored(cluster, load, slightly, cluster.ids);

    cluster.setClock('n3', -60 * minuteMs);
    const back = load.mark;
    await sleep(1_000);
    const refusals = load.outcomes('n3', back);
    assert.ok((refusals.get('CLOCK_AHEAD') ?? 0) > 0, `an hour back: ${describe(refusals)}`);
    assert.equal(refusals.get('stored') ?? 0, 0, 'an hour back, and yet stored');
    await expectStored(cluster, load, back, ['n1', 'n2']);
    cluster.setClock('n3', 0);
    await expectRecovery(cluster, load);

    cluster.setClock('n3', 10 * minuteMs);
    const ahead = load.mark;
    await sleep(1_000);
    const unknown = load.outcomes('n3', ahead);
    assert.ok((unknown.get('unknown') ?? 0) > 0, `ten minutes ahead: ${describe(unknown)}`);
    assert.equal(unknown.get('stored') ?? 0, 0, 'ten minutes ahead, and yet stored');
    assert.match(cluster.logOf('n1', 1_000) + cluster.logOf('n2', 1_000), /CLOCK_SKEW/);
    await expectStored(cluster, load, ahead, ['n1', 'n2']);
    // Ten minutes later: what n3 stamped is no longer ahead of anyone's clock.
    for (const id of cluster.ids) cluster.setClock(id, 10 * minuteMs);
    await expectRecovery(cluster, load);
  },
};

const weakQuorum: Story = {
  name: 'weak-quorum',
  title: 'quorums that need not meet break what strict ones promise, and the checkers see it',
  options: { settings: { r: 1, w: 1 } },
  breaks: ['reads-never-go-back', 'keys-are-registers'],
  async play(cluster, load) {
    await sleep(warmUpMs);
    await cluster.network.isolate('n3');
    const since = load.mark;
    await sleep(outlastMs);
    await expectStored(cluster, load, since, cluster.ids);
  },
};

export const stories: readonly Story[] = [partition, oneWay, pause, resets, clocks, weakQuorum];

async function expectStored(
  cluster: FaultCluster,
  load: RecordedLoad,
  since: number,
  ids: readonly string[],
): Promise<void> {
  for (const id of ids) {
    const stored = (): number => load.outcomes(id, since).get('stored') ?? 0;
    await waitUntil(() => Promise.resolve(stored() > 0), { boundMs: recoverWithinMs });
    assert.ok(
      stored() > 0,
      `${id} stored nothing: ${describe(load.outcomes(id, since))}\n${cluster.allLogs()}`,
    );
  }
}

/** Every node stores what is asked of it from now on. */
async function expectRecovery(cluster: FaultCluster, load: RecordedLoad): Promise<void> {
  await expectStored(cluster, load, load.mark, cluster.ids);
}

async function expectHits(cluster: FaultCluster): Promise<void> {
  assert.ok((await cluster.network.hitPackets()) > 0, 'no packet met the fault');
}

function describe(outcomes: ReadonlyMap<string, number>): string {
  return [...outcomes].map(([kind, count]) => `${count} ${kind}`).join(', ') || 'nothing was asked';
}
