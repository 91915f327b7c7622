/**
 * The servers that are measured beside each other, and what each promises of a write that it acknowledges.
 *
 * What cannot run on this machine is left out, with a reason that the report repeats.
 */

import { etcdVersion, startEtcd } from '../etcd-process.ts';
import { redisVersion, startDurableRedis, startRedis } from '../redis-process.ts';
import type { RunningServer } from '../server-process.ts';
import manifest from '../../package.json' with { type: 'json' };
import type { DialogSpec } from './dialog.ts';
import { startStore } from './store-cluster.ts';

/** What has to be there for a contestant to run. */
export type Program = 'store' | 'redis' | 'etcd' | 'url';

export interface Contestant {
  readonly id: string;
  readonly program: Program;
  readonly name: string;
  /** Processes, durability and quorums, in a few words. */
  readonly about: string;
  readonly dialog: DialogSpec;
  readonly scans: 'ordered' | 'unordered' | 'none';
}

/** A contestant that runs. */
export interface RunningContestant extends Contestant {
  readonly server: RunningServer;
}

/** One server with one or more ways in, each a contestant. */
export interface Entry {
  readonly contestants: readonly Contestant[];
  start(): Promise<RunningServer>;
}

/** The version of a program that is installed; undefined where it is not. */
export function versionOf(program: Program): string | undefined {
  switch (program) {
    case 'store':
      return manifest.version;
    case 'redis':
      return redisVersion();
    case 'etcd':
      return etcdVersion();
    case 'url':
      return '';
  }
}

/** Why a program cannot run here; undefined when it can. */
export function missingReason(program: Program): string | undefined {
  if (versionOf(program) !== undefined) return undefined;
  const debianPackage = program === 'redis' ? 'redis-tools' : 'etcd-server';
  return `${program} is not installed (apt-get install ${debianPackage})`;
}

const aboutStore =
  'three nodes, N = 3, R = W = 2: a write is on the disks of two nodes when it is acknowledged';

export const storeHttp: Contestant = {
  id: 'store-http',
  program: 'store',
  name: 'mini-dynamo, HTTP',
  about: aboutStore,
  dialog: { kind: 'http' },
  scans: 'none',
};

export const storeRedis: Contestant = {
  id: 'store-redis',
  program: 'store',
  name: 'mini-dynamo, Redis protocol',
  about: `${aboutStore}; the same nodes as over HTTP`,
  dialog: { kind: 'redis', waitFor: 0 },
  scans: 'unordered',
};

const durableRedis: Contestant = {
  id: 'redis-durable',
  program: 'redis',
  name: 'Redis, 2 replicas, WAIT 1',
  about:
    'a primary and two replicas, appendfsync always on all, WAIT 1 behind each SET: a write is on the disk of the primary and ' +
    'in the memory of one replica; reads ask the primary alone',
  dialog: { kind: 'redis', waitFor: 1 },
  scans: 'unordered',
};

export const plainRedis: Contestant = {
  id: 'redis-plain',
  program: 'redis',
  name: 'Redis, alone, in memory',
  about: 'one process, no replicas, nothing on disk',
  dialog: { kind: 'redis', waitFor: 0 },
  scans: 'unordered',
};

export const etcdMembers: Contestant = {
  id: 'etcd',
  program: 'etcd',
  name: 'etcd, JSON gateway',
  about:
    'three members, a write is on the disks of two, reads are linearizable; asked through its JSON gateway, which costs it more than gRPC would',
  dialog: { kind: 'etcd' },
  scans: 'ordered',
};

/** All that this repository knows to start. */
export const entries: readonly Entry[] = [
  { contestants: [storeHttp, storeRedis], start: () => startStore(3) },
  { contestants: [durableRedis], start: startDurableRedis },
  { contestants: [plainRedis], start: startRedis },
  { contestants: [etcdMembers], start: () => startEtcd(3) },
];

/** A server that somebody else runs, with `/kv/<key>` at each of its addresses. */
export function entryOf(urls: readonly URL[], pids: readonly number[]): Entry {
  const hosts = urls.map(({ host }) => host).join(', ');
  const contestant: Contestant = {
    id: 'url',
    program: 'url',
    name: `/kv at ${urls[0]?.host ?? ''}`,
    about: `given by URL: ${hosts}`,
    dialog: { kind: 'http' },
    scans: 'none',
  };
  return {
    contestants: [contestant],
    start: () => Promise.resolve({ urls, pids, stop: () => Promise.resolve() }),
  };
}
