/** The load generators: jobs are dealt out to all of them, and their reports made one. */

import { fork, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';

import { LogHistogram } from '../log-histogram.ts';
import type { FillSpec, LatencyCounts, LoadReport, LoadSpec } from './load-spec.ts';
import type { LoaderJob, LoaderReply } from './loader.ts';
import type { OperationKind } from './mix.ts';

/** So many keys are free for the inserts of each generator. */
const insertsMax = 100_000_000;

/** Reports of all generators as one. */
export interface PooledLoad extends Omit<LoadReport, 'latencies' | 'latenessUs'> {
  readonly latencies: ReadonlyMap<OperationKind, LogHistogram>;
  readonly latenessUs: LogHistogram | undefined;
}

export class LoaderPool {
  readonly #children: readonly ChildProcess[];

  constructor(count: number) {
    const script = join(import.meta.dirname, 'loader.ts');
    this.#children = Array.from({ length: count }, () => fork(script, { stdio: 'inherit' }));
  }

  get count(): number {
    return this.#children.length;
  }

  get pids(): readonly number[] {
    return this.#children.flatMap(({ pid }) => (pid === undefined ? [] : [pid]));
  }

  /** Connections, rate and inserts are shared by the generators; with few connections some stay idle. */
  async load(spec: LoadSpec): Promise<PooledLoad> {
    const count = Math.min(this.count, spec.connections);
    const replies = await this.#all(count, (index) => ({
      kind: 'load',
      spec: {
        ...spec,
        // Each begins at another address.
        urls: spec.urls.map((_, at) => spec.urls[(at + index) % spec.urls.length] ?? ''),
        connections: Math.floor((spec.connections + index) / count),
        firstInserted: spec.firstInserted + index * insertsMax,
        pace:
          spec.pace.kind === 'open' ? { kind: 'open', perSecond: spec.pace.perSecond / count } : spec.pace,
      },
    }));
    return pooled(replies.flatMap((reply) => (reply.kind === 'load' ? [reply.report] : [])));
  }

  /** Resolves to the problems that writes had, by name. */
  async putKeys(spec: FillSpec): Promise<Readonly<Record<string, number>>> {
    const share = Math.ceil((spec.to - spec.from) / this.count);
    const replies = await this.#all(this.count, (index) => ({
      kind: 'fill',
      spec: {
        ...spec,
        from: Math.min(spec.to, spec.from + index * share),
        to: Math.min(spec.to, spec.from + (index + 1) * share),
      },
    }));
    return sumOf(replies.flatMap((reply) => (reply.kind === 'fill' ? [reply.report.problems] : [])));
  }

  stop(): void {
    for (const child of this.#children) child.disconnect();
  }

  async #all(count: number, jobOf: (index: number) => LoaderJob): Promise<readonly LoaderReply[]> {
    const replies = await Promise.all(
      this.#children.slice(0, count).map((child, index) => ask(child, jobOf(index))),
    );
    for (const reply of replies) if (reply.kind === 'failed') throw new Error(reply.message);
    return replies;
  }
}

function ask(child: ChildProcess, job: LoaderJob): Promise<LoaderReply> {
  return new Promise((resolve, reject) => {
    const ended = (): void => reject(new Error('a load generator ended'));
    child.once('exit', ended);
    child.once('message', (reply) => {
      child.off('exit', ended);
      resolve(reply as LoaderReply);
    });
    child.send(job);
  });
}

function pooled(reports: readonly LoadReport[]): PooledLoad {
  const latencies = new Map<OperationKind, LogHistogram>();
  const lateness = new LogHistogram();
  for (const report of reports) {
    for (const [kind, counts] of Object.entries(report.latencies) as [OperationKind, LatencyCounts][]) {
      let histogram = latencies.get(kind);
      if (histogram === undefined) latencies.set(kind, (histogram = new LogHistogram()));
      histogram.addCounts(counts.buckets, counts.maxUs);
    }
    if (report.latenessUs !== null) lateness.addCounts(report.latenessUs.buckets, report.latenessUs.maxUs);
  }
  const sum = (of: (report: LoadReport) => number): number =>
    reports.reduce((total, report) => total + of(report), 0);
  return {
    durationMs: Math.max(...reports.map(({ durationMs }) => durationMs)),
    operations: sum(({ operations }) => operations),
    allOperations: sum(({ allOperations }) => allOperations),
    latencies,
    problems: sumOf(reports.map(({ problems }) => problems)),
    conflicts: sum(({ conflicts }) => conflicts),
    scannedEntries: sum(({ scannedEntries }) => scannedEntries),
    sentBytes: sum(({ sentBytes }) => sentBytes),
    receivedBytes: sum(({ receivedBytes }) => receivedBytes),
    cpuSeconds: sum(({ cpuSeconds }) => cpuSeconds),
    latenessUs: lateness.count === 0 ? undefined : lateness,
    backlogMax: sum(({ backlogMax }) => backlogMax),
  };
}

function sumOf(counts: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const [name, count] of counts.flatMap((each) => Object.entries(each)))
    sums[name] = (sums[name] ?? 0) + count;
  return sums;
}
