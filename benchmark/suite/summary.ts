/**
 * What most people ask of a report: writes and reads a second at 64 connections, what they cost, how long they take under
 * load, and how that compares. The report begins with it, and docs/performance.md has it as tables.
 */

import { numberText } from './html/number-text.ts';
import { comparisons, ratioOf } from './html/ratios.ts';
import type { Point, Results, Run } from './results.ts';
import { spreadOf, type Spread } from './spread.ts';

export interface SummaryTable {
  /** The first column has names. */
  readonly columns: readonly string[];
  readonly rows: readonly {
    /** Undefined for a row that is not about one server. */
    readonly server: string | undefined;
    readonly name: string;
    readonly cells: readonly (Spread | undefined)[];
  }[];
}

/** Connections of the summary, or the nearest that was measured. */
const connectionsWanted = 64;
/** Share of the capacity at which latency is summed up, or the nearest. */
const shareWanted = 0.7;

/** Figures of each server, and ratios of this store to others; empty where the sections for it are missing. */
export function summaryOf(results: Results): readonly SummaryTable[] {
  const { concurrency, latency } = results.sections;
  if (concurrency === undefined) return [];
  const connections = nearest(concurrency.points, connectionsWanted);
  const open = latency?.points.filter(({ runs }) => runs[0]?.offeredPerSecond !== undefined) ?? [];
  const share = nearest(open, shareWanted);
  const at = (server: string, operation: string): Point | undefined =>
    find(concurrency.points, { server, operation, at: connections });
  const names = new Map(results.servers.map(({ id, name }) => [id, name]));
  const rows = results.servers
    .filter(({ id }) => at(id, 'PUT') !== undefined)
    .map(({ id, name }) => {
      const mixed = find(open, { server: id, operation: 'mix', at: share });
      return {
        server: id,
        name,
        cells: [
          figure(at(id, 'PUT'), (run) => run.operationsPerSecond),
          figure(at(id, 'GET'), (run) => run.operationsPerSecond),
          figure(at(id, 'PUT'), (run) => run.serverCpuMsPer1000),
          figure(at(id, 'GET'), (run) => run.serverCpuMsPer1000),
          figure(mixed, (run) => run.latencyMs.p50),
          figure(mixed, (run) => run.latencyMs.p99),
        ],
      };
    });
  const ratios = comparisons.flatMap(({ ours, theirs }) => {
    const cells = ['PUT', 'GET'].map((operation) => ratioOf(at(ours, operation), at(theirs, operation)));
    if (cells.every((cell) => cell === undefined)) return [];
    return [
      { server: undefined, name: `${names.get(ours) ?? ours} ÷ ${names.get(theirs) ?? theirs}`, cells },
    ];
  });
  const percent = Math.round(share * 100);
  return [
    {
      columns: [
        'server',
        `PUT/s, ${connections} connections`,
        `GET/s, ${connections} connections`,
        'CPU ms per 1,000 PUTs',
        'CPU ms per 1,000 GETs',
        `p50 ms, open loop at ${percent} %`,
        `p99 ms, open loop at ${percent} %`,
      ],
      rows,
    },
    { columns: ['operations a second, ratio of runs of the same round', 'PUT', 'GET'], rows: ratios },
  ].filter((table) => table.rows.length > 0);
}

/** Of what the summary is: when and on what it was measured, and whether others were at work there. */
export function originOf(results: Results): string {
  const { concurrency, latency } = results.sections;
  const sections = [concurrency, latency].filter((section) => section !== undefined);
  const [first] = sections;
  if (first === undefined) return '';
  const { machine } = results;
  const days = [...new Set(sections.map(({ measuredAt }) => measuredAt.slice(0, 10)))].join(', ');
  const commits = [...new Set(sections.map(({ commit }) => commit))].join(', ');
  const others = disturbanceOf(sections.flatMap(({ points }) => points));
  return `Measured on ${days} on ${machine.cores} cores of ${machine.cpu}, commit ${commits}. ${others}`;
}

/** Cores in use by others from which on absolute figures are not those of the servers alone. */
const disturbedCores = 0.25;

function disturbanceOf(points: readonly Point[]): string {
  const spread = spreadOf(points.flatMap(({ runs }) => runs.map(({ neighbourCores }) => neighbourCores)));
  if (spread === undefined) return 'What else the machine did meanwhile is not known.';
  const used = `Other programs used ${numberText(spread.median)} cores meanwhile (median of the runs; at most ${numberText(spread.max)})`;
  if (spread.median < disturbedCores) return `${used}.`;
  return (
    `${used}: what a server does a second is less than it would be on a machine of its own, and an operation costs more CPU. ` +
    'Servers of several processes suffer more of it than those of one.'
  );
}

/** The origin and the tables in Markdown, each cell the median with the least and the greatest. */
export function summaryMarkdown(results: Results): string {
  const tables = summaryOf(results).map(({ columns, rows }) => {
    const lines = rows.map(({ name, cells }) => `| ${[name, ...cells.map(cellText)].join(' | ')} |\n`);
    return `| ${columns.join(' | ')} |\n|${'---|'.repeat(columns.length)}\n${lines.join('')}`;
  });
  return [`${originOf(results)}\n`, ...tables].join('\n');
}

function cellText(spread: Spread | undefined): string {
  if (spread === undefined) return '';
  if (spread.min === spread.max) return numberText(spread.median);
  return `${numberText(spread.median)} (${numberText(spread.min)} to ${numberText(spread.max)})`;
}

function figure(point: Point | undefined, of: (run: Run) => number | null): Spread | undefined {
  return spreadOf((point?.runs ?? []).map(of));
}

function find(
  points: readonly Point[],
  wanted: Pick<Point, 'server' | 'operation' | 'at'>,
): Point | undefined {
  return points.find(
    ({ server, operation, at }) =>
      server === wanted.server && operation === wanted.operation && at === wanted.at,
  );
}

function nearest(points: readonly Point[], wanted: number): number {
  const values = points.map(({ at }) => at);
  return values.toSorted((left, right) => Math.abs(left - wanted) - Math.abs(right - wanted))[0] ?? wanted;
}
