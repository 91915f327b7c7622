/** The first screen of the report: what most people ask, from the section on concurrency and the one on latency. */

import type { Point, Results } from '../results.ts';
import { spreadOf, type Spread } from '../spread.ts';
import { escaped, numberText } from './number-text.ts';
import { comparisons, ratioOf } from './ratios.ts';
import type { Legend } from './section-html.ts';

/** Connections of the summary, or the nearest that was measured. */
const connectionsWanted = 64;
/** Share of the capacity at which latency is summed up, or the nearest. */
const shareWanted = 0.7;

export function summaryHtml(results: Results, { names }: Legend): string {
  const { concurrency, latency } = results.sections;
  if (concurrency === undefined) return '';
  const connections = nearest(concurrency.points, connectionsWanted);
  const open = latency?.points.filter(({ runs }) => runs[0]?.offeredPerSecond !== undefined) ?? [];
  const share = nearest(open, shareWanted);
  const find = (points: readonly Point[], server: string, operation: string, at: number): Point | undefined =>
    points.find((point) => point.server === server && point.operation === operation && point.at === at);
  const at = (server: string, operation: string): Point | undefined =>
    find(concurrency.points, server, operation, connections);
  const rows = Array.from(names, ([id, name], colour) => {
    const [put, get] = [at(id, 'PUT'), at(id, 'GET')];
    if (put === undefined || get === undefined) return '';
    const mixed = find(open, id, 'mix', share);
    const cells = [
      spreadOf(put.runs.map((run) => run.operationsPerSecond)),
      spreadOf(get.runs.map((run) => run.operationsPerSecond)),
      spreadOf(put.runs.map((run) => run.serverCpuMsPer1000)),
      spreadOf(get.runs.map((run) => run.serverCpuMsPer1000)),
      spreadOf((mixed?.runs ?? []).map((run) => run.latencyMs.p50)),
      spreadOf((mixed?.runs ?? []).map((run) => run.latencyMs.p99)),
    ].map((spread) => `<td>${cell(spread)}</td>`);
    return `<tr><th class="server c${colour}"><i></i>${escaped(name)}</th>${cells.join('')}</tr>`;
  });
  const ratios = comparisons.flatMap(({ ours, theirs }) => {
    const of = (operation: string): Spread | undefined => ratioOf(at(ours, operation), at(theirs, operation));
    const [put, get] = [of('PUT'), of('GET')];
    if (put === undefined && get === undefined) return [];
    const title = `${names.get(ours) ?? ours} ÷ ${names.get(theirs) ?? theirs}`;
    return [`<tr><th>${escaped(title)}</th><td>${cell(put)}</td><td>${cell(get)}</td></tr>`];
  });
  const heads = [
    `PUT/s, ${connections} connections`,
    `GET/s, ${connections} connections`,
    'CPU ms per 1,000 PUTs',
    'CPU ms per 1,000 GETs',
    `p50 ms, open loop at ${Math.round(share * 100)} %`,
    `p99 ms, open loop at ${Math.round(share * 100)} %`,
  ].map((head) => `<th>${escaped(head)}</th>`);
  return [
    '<section id="summary"><h2>At a glance</h2>',
    '<p>Values of 100 bytes, keys drawn evenly. CPU is that of all processes of a server together. Figures are medians, with the least and the greatest run; they depend on this machine, ratios less so.</p>',
    `<div class="wide"><table><thead><tr><th></th>${heads.join('')}</tr></thead><tbody>${rows.join('')}</tbody></table></div>`,
    ratios.length === 0
      ? ''
      : `<div class="wide"><table><thead><tr><th>operations a second, ratio of runs of the same round</th><th>PUT</th><th>GET</th></tr></thead><tbody>${ratios.join('')}</tbody></table></div>`,
    '</section>',
  ].join('\n');
}

function nearest(points: readonly Point[], wanted: number): number {
  const values = points.map(({ at }) => at);
  return values.toSorted((left, right) => Math.abs(left - wanted) - Math.abs(right - wanted))[0] ?? wanted;
}

function cell(spread: Spread | undefined): string {
  if (spread === undefined) return '';
  if (spread.min === spread.max) return numberText(spread.median);
  return `${numberText(spread.median)} <small>(${numberText(spread.min)} to ${numberText(spread.max)})</small>`;
}
