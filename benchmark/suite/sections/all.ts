/** The sections of the suite, by their names in the results. */

import type { Bench } from '../bench.ts';
import type { Contestant } from '../contestants.ts';
import { plainRedis, storeHttp } from '../contestants.ts';
import type { Section, SectionName } from '../results.ts';
import { measureConcurrency } from './concurrency.ts';
import { measureDistribution } from './distribution.ts';
import { measureKeys, singleEtcd, singleStore } from './keys.ts';
import { measureLatency } from './latency.ts';
import { measureNodes } from './nodes.ts';
import { measurePipelining } from './pipelining.ts';
import { measureSizes } from './sizes.ts';
import { measureWorkloads } from './workloads.ts';

export const sections: Readonly<
  Record<SectionName, (bench: Bench) => Promise<Pick<Section, 'settings' | 'points'>>>
> = {
  workloads: measureWorkloads,
  latency: measureLatency,
  concurrency: measureConcurrency,
  distribution: measureDistribution,
  sizes: measureSizes,
  pipelining: measurePipelining,
  keys: measureKeys,
  nodes: measureNodes,
};

/** Servers that a section starts for itself. */
export const sectionServers: Readonly<Partial<Record<SectionName, readonly Contestant[]>>> = {
  keys: [singleStore, plainRedis, singleEtcd],
  nodes: [storeHttp],
};
