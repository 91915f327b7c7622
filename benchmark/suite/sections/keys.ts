/**
 * What more keys do to one process: its memory, its files, and how quickly it answers.
 *
 * One node of the store, one Redis and one member of etcd, each started for this, grow from step to step together.
 */

import { setTimeout as sleep } from 'node:timers/promises';

import { startEtcd } from '../../etcd-process.ts';
import { round } from '../../measurement.ts';
import { startRedis } from '../../redis-process.ts';
import type { RunningServer } from '../../server-process.ts';
import {
  fillKeys,
  measureInTurns,
  shortValueBytes,
  usualLoad,
  warmUp,
  type Bench,
  type PointPlan,
} from '../bench.ts';
import {
  etcdMembers,
  plainRedis,
  storeRedis,
  type Contestant,
  type RunningContestant,
} from '../contestants.ts';
import { gets, puts } from '../mix.ts';
import { startStore } from '../store-cluster.ts';
import { bytesInFolder, residentBytesOf } from '../process-figures.ts';
import type { Footprint, Point, Section } from '../results.ts';

export const singleStore: Contestant = {
  ...storeRedis,
  id: 'store-single',
  name: 'mini-dynamo, one node, Redis protocol',
  about: 'one node, N = R = W = 1: a write is on its disk when it is acknowledged',
};

export const singleEtcd: Contestant = {
  ...etcdMembers,
  id: 'etcd-single',
  name: 'etcd, one member, JSON gateway',
  about: 'one member: a write is on its disk when it is acknowledged',
};

/** What was written a moment ago is compacted or given back to the system before memory is looked at. */
const settleMs = 1_000;

interface Growing {
  readonly contestant: RunningContestant;
  readonly baseResidentBytes: number | undefined;
  readonly keysMax: number;
}

export async function measureKeys(bench: Bench): Promise<Pick<Section, 'settings' | 'points'>> {
  const growing: Growing[] = [];
  const points: Point[] = [];
  try {
    await addTo(growing, bench, singleStore, () => startStore(1));
    await addTo(growing, bench, plainRedis, startRedis);
    await addTo(growing, bench, singleEtcd, () => startEtcd(1));
    let before = 0;
    for (const keys of bench.profile.keyCounts) {
      points.push(...(await measureStep(bench, growing, { before, keys })));
      before = keys;
    }
  } finally {
    await Promise.all(growing.map(({ contestant }) => contestant.server.stop()));
  }
  return {
    points,
    settings: { 'value bytes': String(shortValueBytes), connections: String(bench.profile.usualConnections) },
  };
}

async function addTo(
  growing: Growing[],
  bench: Bench,
  contestant: Contestant,
  start: () => Promise<RunningServer>,
): Promise<void> {
  if (!bench.canRun(contestant)) return;
  const server = await bench.start(start);
  await warmUp(bench, { ...contestant, server });
  await sleep(settleMs);
  growing.push({
    contestant: { ...contestant, server },
    baseResidentBytes: residentBytesOf(server.pids),
    keysMax: contestant.dialog.kind === 'etcd' ? bench.profile.etcdKeysMax : Infinity,
  });
}

async function measureStep(
  bench: Bench,
  growing: readonly Growing[],
  { before, keys }: { readonly before: number; readonly keys: number },
): Promise<Point[]> {
  const { rounds } = bench.profile;
  const grown = growing.filter(({ keysMax }) => keys <= keysMax);
  const footprints: Footprint[] = [];
  for (const { contestant, baseResidentBytes } of grown) {
    const startedMs = performance.now();
    await fillKeys(bench, contestant, { from: before, to: keys, valueBytes: shortValueBytes });
    const fillSeconds = round((performance.now() - startedMs) / 1_000, 2);
    await sleep(settleMs);
    const { server } = contestant;
    footprints.push({
      residentBytes: residentBytesOf(server.pids) ?? null,
      baseResidentBytes: baseResidentBytes ?? null,
      // A server without persistence has a folder and nothing in it.
      diskBytes: server.folder === undefined ? null : await bytesInFolder(server.folder),
      fillSeconds,
    });
  }
  const points: Point[] = [];
  for (const [operation, mix] of [['GET', gets] as const, ['PUT', puts] as const]) {
    const plans = grown.map(({ contestant }): PointPlan => {
      return { contestant, operation, at: keys, spec: { ...usualLoad(bench), keys, mix } };
    });
    const measured = await measureInTurns(bench, plans, rounds);
    points.push(
      ...measured.map((point, index) => {
        const footprint = footprints[index];
        return operation === 'GET' && footprint !== undefined ? { ...point, footprint } : point;
      }),
    );
  }
  return points;
}
