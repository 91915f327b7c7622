/**
 * One run against one server: the load, and what it cost the server's processes, the load generators and the disk.
 *
 * Everything shares one machine, so throughput is its cores divided by the CPU of servers and generators together.
 * How much of the machine others used meanwhile is recorded with each run: on a busy machine only CPU per operation
 * and ratios of neighbouring runs mean anything.
 */

import { LogHistogram } from '../log-histogram.ts';
import { round } from '../measurement.ts';
import { cpuSecondsOf } from '../process-cpu.ts';
import type { RunningContestant } from './contestants.ts';
import type { LoadSpec } from './load-spec.ts';
import type { LoaderPool, PooledLoad } from './loader-pool.ts';
import { peerBytesBetween, peerBytesOf, type PeerBytes } from './peer-bytes.ts';
import { machineCpuSeconds, writtenBytesOf } from './process-figures.ts';
import type { Latency, Run } from './results.ts';

/** All of a load but its server and the place of its inserts, which are filled in here. */
export type RunSpec = Omit<LoadSpec, 'dialog' | 'urls' | 'firstInserted'>;

/** Keys from here on belong to inserts; each run has a range of its own. */
const firstInsertedKey = 1_000_000_000;
const insertsOfRun = 1_000_000_000;
let runs = 0;

export async function measureRun(
  contestant: RunningContestant,
  spec: RunSpec,
  options: { readonly loaders: LoaderPool; readonly round: number },
): Promise<Run> {
  const { server, dialog } = contestant;
  const before = readingOf(server.pids, options.loaders);
  const load = await options.loaders.load({
    ...spec,
    dialog,
    urls: server.urls.map((url) => url.href),
    firstInserted: firstInsertedKey + runs++ * insertsOfRun,
  });
  const after = readingOf(server.pids, options.loaders);
  return { round: options.round, ...ofLoad(load, spec), ...costsOf(load, { before, after }) };
}

type CostField =
  | 'serverCpuMsPer1000'
  | 'loaderCpuMsPer1000'
  | 'neighbourCores'
  | 'clientBytesPerOperation'
  | 'peerBytesPerOperation'
  | 'diskBytesPerOperation';

/** What was counted by others than the load generators, at one moment. */
interface Reading {
  readonly atMs: number;
  readonly machineCpu: number;
  readonly serverCpu: number | undefined;
  readonly loaderCpu: number | undefined;
  readonly written: number | undefined;
  readonly peers: PeerBytes | undefined;
}

function readingOf(pids: readonly number[], loaders: LoaderPool): Reading {
  return {
    peers: peerBytesOf(pids),
    atMs: performance.now(),
    machineCpu: machineCpuSeconds(),
    serverCpu: cpuSecondsOf(pids),
    loaderCpu: cpuSecondsOf(loaders.pids),
    written: writtenBytesOf(pids),
  };
}

function ofLoad(load: PooledLoad, spec: RunSpec): Omit<Run, 'round' | CostField> {
  const all = new LogHistogram();
  for (const histogram of load.latencies.values()) all.add(histogram);
  const byKind = Object.fromEntries(Array.from(load.latencies, ([kind, each]) => [kind, latencyMs(each)]));
  const scans = load.latencies.get('scan')?.count ?? 0;
  return {
    durationMs: Math.round(load.durationMs),
    operations: load.operations,
    operationsPerSecond: round((load.operations * 1_000) / load.durationMs, 1),
    latencyMs: latencyMs(all),
    ...(load.latencies.size > 1 ? { latencyMsByKind: byKind } : {}),
    problems: load.problems,
    ...(load.conflicts > 0 ? { conflicts: load.conflicts } : {}),
    ...(scans > 0 ? { entriesPerScan: round(load.scannedEntries / scans, 1) } : {}),
    ...(spec.pace.kind === 'open' ? { offeredPerSecond: round(spec.pace.perSecond, 1) } : {}),
    ...(load.latenessUs === undefined ? {} : { latenessMs: latencyMs(load.latenessUs) }),
    ...(spec.pace.kind === 'open' ? { backlogMax: load.backlogMax } : {}),
  };
}

/** The readings lie around the whole load, so they are shared by all operations, those of the warm-up too. */
function costsOf(
  load: PooledLoad,
  readings: { readonly before: Reading; readonly after: Reading },
): Pick<Run, CostField> {
  const { before, after } = readings;
  const operations = Math.max(1, load.allOperations);
  const difference = (of: (reading: Reading) => number | undefined): number | undefined => {
    const [start, end] = [of(before), of(after)];
    return start === undefined || end === undefined ? undefined : end - start;
  };
  const each = (whole: number | undefined, digits: number): number | null =>
    whole === undefined ? null : round(whole / operations, digits);
  const serverCpu = difference(({ serverCpu }) => serverCpu);
  const loaderCpu = difference(({ loaderCpu }) => loaderCpu);
  const machineCpu = after.machineCpu - before.machineCpu;
  const seconds = (after.atMs - before.atMs) / 1_000;
  const neighbours =
    serverCpu === undefined || loaderCpu === undefined
      ? null
      : (machineCpu - serverCpu - loaderCpu) / seconds;
  const peers =
    before.peers === undefined || after.peers === undefined
      ? undefined
      : peerBytesBetween(before.peers, after.peers);
  return {
    loaderCpuMsPer1000: round((load.cpuSeconds * 1e6) / operations, 2),
    clientBytesPerOperation: round((load.sentBytes + load.receivedBytes) / operations, 1),
    serverCpuMsPer1000: each(serverCpu === undefined ? undefined : serverCpu * 1e6, 2),
    neighbourCores: neighbours === null ? null : round(Math.max(0, neighbours), 2),
    peerBytesPerOperation: each(peers, 1),
    diskBytesPerOperation: each(
      difference(({ written }) => written),
      1,
    ),
  };
}

function latencyMs(histogram: LogHistogram): Latency {
  const ms = (share: number): number => round(histogram.percentile(share) / 1_000, 3);
  return { p50: ms(0.5), p90: ms(0.9), p99: ms(0.99), p999: ms(0.999), max: round(histogram.max / 1_000, 3) };
}
