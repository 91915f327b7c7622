/** Results with one section, for tests. */

import { resultsFormat, type Results, type Run, type Section } from './results.ts';

export function sampleRun(round: number, operationsPerSecond: number): Run {
  const latency = { p50: 1.5, p90: 2, p99: 3.25, p999: 4, max: 12 };
  return {
    round,
    durationMs: 500,
    operations: Math.round(operationsPerSecond / 2),
    operationsPerSecond,
    latencyMs: latency,
    problems: {},
    serverCpuMsPer1000: 55.5,
    loaderCpuMsPer1000: 20,
    neighbourCores: 0.1,
    clientBytesPerOperation: 300,
    peerBytesPerOperation: null,
    diskBytesPerOperation: 4_096,
  };
}

export const sampleSection: Section = {
  measuredAt: '2026-01-02T03:04:05.678Z',
  commit: 'abc1234',
  profile: 'default',
  settings: { keys: '100' },
  points: ['PUT', 'GET'].flatMap((operation) =>
    [1, 64].flatMap((at) => [
      { server: 'store-http', operation, at, runs: [sampleRun(0, 1_000), sampleRun(1, 3_000)] },
      { server: 'etcd', operation, at, runs: [sampleRun(0, 500), sampleRun(1, 1_000)] },
    ]),
  ),
};

export const sampleResults: Results = {
  format: resultsFormat,
  machine: {
    cpu: 'a <fast> processor',
    cores: 2,
    memoryBytes: 8 * 1024 ** 3,
    system: 'Linux',
    node: 'v26.10.0',
    syncUs: { p50: 300, p99: 900 },
  },
  servers: [
    { id: 'store-http', name: 'the store', about: 'three nodes', version: '1' },
    { id: 'etcd', name: 'etcd', about: 'three members', version: '3' },
  ],
  skipped: [],
  sections: { concurrency: sampleSection },
};
