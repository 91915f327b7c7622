/**
 * What the report shows of each section: which figures become charts, which columns its table has, and how to read them.
 */

import type { Point, Run, SectionName } from '../results.ts';
import { workloadTitles, type WorkloadName } from '../mix.ts';
import { bytesText, numberText, shortText } from './number-text.ts';

/** A figure of one run; null where it is not known. */
export type Figure = (run: Run, point: Point) => number | null;

export interface ChartView {
  readonly title: string;
  readonly shows: (point: Point) => boolean;
  readonly y: Figure;
  readonly yKind: 'linear' | 'log';
  readonly mark: 'line' | 'dot' | 'bar';
  /** Instead of the section's axis. */
  readonly x?: { readonly title: string; readonly of: (point: Point) => number };
}

export interface Column {
  readonly title: string;
  readonly figure: Figure;
}

export interface SectionView {
  readonly title: string;
  /** How to read it, in a few sentences of HTML. */
  readonly text: string;
  readonly axis: { readonly title: string; readonly text: (value: number) => string };
  readonly charts: readonly ChartView[];
  readonly columns: readonly Column[];
}

const perSecond: Figure = (run) => run.operationsPerSecond;
const p50: Figure = (run) => run.latencyMs.p50;
const p99: Figure = (run) => run.latencyMs.p99;
const serverCpu: Figure = (run) => run.serverCpuMsPer1000;
const isClosed = (point: Point): boolean => point.runs[0]?.offeredPerSecond === undefined;
const isOpen = (point: Point): boolean => !isClosed(point);
const does = (operation: string) => (point: Point) => point.operation === operation;

const throughput: Column = { title: 'operations/s', figure: perSecond };
const cpu: Column = { title: 'server CPU ms per 1,000', figure: serverCpu };
const latencies: readonly Column[] = [
  { title: 'p50 ms', figure: p50 },
  { title: 'p90', figure: (run) => run.latencyMs.p90 },
  { title: 'p99', figure: p99 },
  { title: 'p99.9', figure: (run) => run.latencyMs.p999 },
  { title: 'max', figure: (run) => run.latencyMs.max },
];
const costs: readonly Column[] = [
  cpu,
  { title: 'load generator', figure: (run) => run.loaderCpuMsPer1000 },
  { title: 'bytes with clients', figure: (run) => run.clientBytesPerOperation },
  { title: 'bytes between nodes', figure: (run) => run.peerBytesPerOperation },
  { title: 'bytes to disk', figure: (run) => run.diskBytesPerOperation },
];
const closedTail: readonly Column[] = [
  { title: 'p50 ms', figure: p50 },
  { title: 'p99', figure: p99 },
  { title: 'max', figure: (run) => run.latencyMs.max },
];
const neighbours: Column = { title: 'cores used by others', figure: (run) => run.neighbourCores };

/** The letters of YCSB are numbers on an axis. */
export const workloadLetters = Object.keys(workloadTitles) as readonly WorkloadName[];
const workloadAxis = {
  title: 'workload',
  of: (point: Point) => workloadLetters.indexOf(point.operation as WorkloadName),
};

const residentPerKey: Figure = (_, { footprint, at }) =>
  footprint === undefined || footprint.residentBytes === null || footprint.baseResidentBytes === null
    ? null
    : (footprint.residentBytes - footprint.baseResidentBytes) / at;
const diskPerKey: Figure = (_, { footprint, at }) =>
  footprint?.diskBytes === undefined || footprint.diskBytes === null ? null : footprint.diskBytes / at;

function putAndGet(
  title: string,
  chart: Pick<ChartView, 'y' | 'yKind' | 'mark'>,
): readonly [ChartView, ChartView] {
  return [
    { ...chart, title: `PUT: ${title}`, shows: does('PUT') },
    { ...chart, title: `GET: ${title}`, shows: does('GET') },
  ];
}

export const views: Readonly<Record<SectionName, SectionView>> = {
  workloads: {
    title: 'YCSB workloads A to F',
    text:
      `${workloadLetters.map((letter) => `<b>${letter}</b> ${workloadTitles[letter]}`).join('; ')}. Records of 1,000 bytes, keys by ` +
      'Zipf’s law (D: the latest). Throughput is that of a closed loop. Latency is that of an open loop at 70 % of that throughput, from when each operation was ' +
      'meant to begin. <b>E is not the same work for all:</b> etcd has its keys in order and answers with values, as YCSB means it; this store and ' +
      'Redis keep no order and give a page of <code>SCAN</code>, keys alone, from a random place; over HTTP this store offers no scan. In <b>F</b> the store orders its write after ' +
      'the version read (<code>X-Causal-Context</code>, HTTP), etcd refuses it when somebody else has written (a transaction on the revision; refusals are counted as ' +
      'conflicts), and over the Redis protocol it is a plain <code>GET</code> and <code>SET</code>, as in YCSB.',
    axis: { title: 'share of capacity', text: numberText },
    charts: [
      {
        title: 'Operations a second (closed loop)',
        shows: isClosed,
        y: perSecond,
        yKind: 'linear',
        mark: 'bar',
        x: workloadAxis,
      },
      {
        title: 'p99 in ms (open loop at 70 %)',
        shows: isOpen,
        y: p99,
        yKind: 'log',
        mark: 'dot',
        x: workloadAxis,
      },
      {
        title: 'CPU ms of all server processes per 1,000 operations (closed loop)',
        shows: isClosed,
        y: serverCpu,
        yKind: 'log',
        mark: 'dot',
        x: workloadAxis,
      },
    ],
    columns: [
      throughput,
      ...latencies,
      ...costs,
      { title: 'conflicts', figure: (run) => run.conflicts ?? null },
      { title: 'entries a scan', figure: (run) => run.entriesPerScan ?? null },
      neighbours,
    ],
  },
  latency: {
    title: 'Latency under a given load',
    text:
      'Half reads, half updates, begun at random times at a fixed rate whatever the server does. A line that goes up steeply has come to what its server can do. ' +
      'Share 0 is the closed loop that the shares are of. The last column says how late the load generator itself was: less than that is not told apart.',
    axis: { title: 'share of capacity', text: numberText },
    charts: [
      {
        title: 'p50 in ms, by operations a second',
        shows: isOpen,
        y: p50,
        yKind: 'log',
        mark: 'line',
        x: { title: 'operations a second', of: (point) => point.runs[0]?.offeredPerSecond ?? 0 },
      },
      {
        title: 'p99 in ms, by operations a second',
        shows: isOpen,
        y: p99,
        yKind: 'log',
        mark: 'line',
        x: { title: 'operations a second', of: (point) => point.runs[0]?.offeredPerSecond ?? 0 },
      },
    ],
    columns: [
      { title: 'offered/s', figure: (run) => run.offeredPerSecond ?? null },
      throughput,
      ...latencies,
      { title: 'waiting at most', figure: (run) => run.backlogMax ?? null },
      { title: 'generator late by, p99 ms', figure: (run) => run.latenessMs?.p99 ?? null },
      neighbours,
    ],
  },
  concurrency: {
    title: 'Growth with concurrency',
    text: 'Writes alone and reads alone, one request at a time on each connection. Latencies are those of a closed loop.',
    axis: { title: 'connections', text: shortText },
    charts: [
      ...putAndGet('operations a second', { y: perSecond, yKind: 'log', mark: 'line' }),
      ...putAndGet('p99 in ms (closed loop)', { y: p99, yKind: 'log', mark: 'line' }),
      ...putAndGet('CPU ms of all server processes per 1,000', { y: serverCpu, yKind: 'log', mark: 'line' }),
    ],
    columns: [throughput, ...closedTail, ...costs, neighbours],
  },
  distribution: {
    title: 'Favourite keys',
    text: 'The same load with keys drawn evenly, and by Zipf’s law with the skew of YCSB (0.99).',
    axis: { title: 'keys', text: (value) => (value === 0 ? 'uniform' : 'Zipf 0.99') },
    charts: putAndGet('operations a second', { y: perSecond, yKind: 'linear', mark: 'bar' }),
    columns: [throughput, ...closedTail, cpu, neighbours],
  },
  sizes: {
    title: 'Growth with the length of values',
    text: 'Sixteen connections. Bytes to disk count whole pages, as the disk does. Where a value takes longer than a run, all requests that were begun count.',
    axis: { title: 'bytes of a value', text: bytesText },
    charts: [
      ...putAndGet('operations a second', { y: perSecond, yKind: 'log', mark: 'line' }),
      ...putAndGet('MiB a second', {
        y: (run, point) => (run.operationsPerSecond * point.at) / 1024 ** 2,
        yKind: 'log',
        mark: 'line',
      }),
    ],
    columns: [
      throughput,
      { title: 'MiB/s', figure: (run, point) => (run.operationsPerSecond * point.at) / 1024 ** 2 },
      ...closedTail,
      ...costs,
      neighbours,
    ],
  },
  pipelining: {
    title: 'Pipelined requests',
    text: 'The Redis protocol with several requests under way on each connection.',
    axis: { title: 'requests under way on each connection', text: shortText },
    charts: putAndGet('operations a second', { y: perSecond, yKind: 'log', mark: 'line' }),
    columns: [throughput, ...closedTail, ...costs, neighbours],
  },
  keys: {
    title: 'Growth with the number of keys',
    text:
      'One process each, values of 100 bytes. Memory is what the process has grown by since it was warm and empty, divided by its keys: with few keys that is mostly what the ' +
      'runtime needs for other things. What one more key costs is told by the difference between two points of a line (the last column).',
    axis: { title: 'keys', text: shortText },
    charts: [
      {
        title: 'Resident bytes a key, beyond the warm and empty process',
        shows: does('GET'),
        y: residentPerKey,
        yKind: 'log',
        mark: 'line',
      },
      { title: 'GET: p99 in ms (closed loop)', shows: does('GET'), y: p99, yKind: 'log', mark: 'line' },
      ...putAndGet('operations a second', { y: perSecond, yKind: 'log', mark: 'line' }),
    ],
    columns: [
      throughput,
      ...closedTail,
      cpu,
      { title: 'resident bytes a key', figure: residentPerKey },
      { title: 'bytes on disk a key', figure: diskPerKey },
      { title: 'filled in s', figure: (_, { footprint }) => footprint?.fillSeconds ?? null },
      neighbours,
    ],
  },
  nodes: {
    title: 'Growth with nodes',
    text:
      'All nodes share this machine, and from three on each write goes to three of them: this shows what a larger cluster costs, not what more machines bring. One node ' +
      'is a store without replicas.',
    axis: { title: 'nodes', text: shortText },
    charts: [
      ...putAndGet('operations a second', { y: perSecond, yKind: 'linear', mark: 'line' }),
      ...putAndGet('CPU ms of all nodes per 1,000', { y: serverCpu, yKind: 'linear', mark: 'line' }),
    ],
    columns: [throughput, ...closedTail, ...costs, neighbours],
  },
};
