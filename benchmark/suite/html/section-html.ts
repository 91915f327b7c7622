/** A section of the report: text, charts, ratios, and a table of every figure. */

import type { Point, Section, SectionName } from '../results.ts';
import { spreadOf, type Spread } from '../spread.ts';
import { chartHtml, type Series } from './chart.ts';
import { escaped, numberText } from './number-text.ts';
import { comparisons, ratioOf } from './ratios.ts';
import { cellHtml } from './summary-html.ts';
import { views, workloadLetters, type ChartView, type Column, type SectionView } from './views.ts';

export interface Legend {
  /** Names of servers by their ids, in the order of their colours. */
  readonly names: ReadonlyMap<string, string>;
}

export function sectionHtml(name: SectionName, section: Section, legend: Legend): string {
  const view = views[name];
  const settings = Object.entries(section.settings).map(([key, value]) => `${key}: ${value}`);
  const about = `${section.measuredAt.slice(0, 16).replace('T', ' ')} UTC, commit ${section.commit}, profile ${section.profile}; ${settings.join('; ')}; ${disturbanceText(section)}`;
  return [
    `<section id="${name}"><h2>${escaped(view.title)}</h2>`,
    `<p>${view.text}</p><p class="about">${escaped(about)}</p>`,
    legendHtml(section, legend),
    `<div class="charts">${view.charts.map((chart) => chartOf(chart, view, section, legend)).join('')}</div>`,
    ratioTable(view, section, legend),
    `<details><summary>All values: median (least to greatest)</summary>${valueTable(name, view, section, legend)}</details>`,
    '</section>',
  ].join('\n');
}

/** How far to trust absolute figures: on a machine that others use, less than ratios and CPU. */
function disturbanceText({ points }: Section): string {
  const spread = spreadOf(points.flatMap(({ runs }) => runs.map(({ neighbourCores }) => neighbourCores)));
  if (spread === undefined) return 'nobody knows what else the machine did';
  return `other programs used ${numberText(spread.median)} cores meanwhile (median; at most ${numberText(spread.max)})`;
}

function legendHtml(section: Section, { names }: Legend): string {
  const measured = new Set(section.points.map(({ server }) => server));
  const items = Array.from(names, ([id, name], colour) =>
    measured.has(id) ? `<li class="c${colour}"><i></i>${escaped(name)}</li>` : '',
  );
  return `<ul class="legend">${items.join('')}</ul>`;
}

function chartOf(chart: ChartView, view: SectionView, section: Section, { names }: Legend): string {
  const series = Array.from(names, ([id, name], colour): Series => {
    const points = section.points.filter((point) => point.server === id && chart.shows(point));
    const x = chart.x?.of ?? (({ at }: Point) => at);
    return {
      colour,
      name,
      points: points.flatMap((point) => {
        const spread = spreadOf(point.runs.map((run) => chart.y(run, point)));
        return spread === undefined ? [] : [{ x: x(point), y: spread }];
      }),
    };
  }).filter(({ points }) => points.length > 0);
  if (series.length === 0) return '';
  const isLetter = chart.x?.title === 'workload';
  return chartHtml({
    title: chart.title,
    xTitle: chart.x?.title ?? view.axis.title,
    xKind: chart.x === undefined || isLetter ? 'steps' : 'log',
    xText: isLetter
      ? (value) => workloadLetters[value] ?? ''
      : chart.x === undefined
        ? view.axis.text
        : numberText,
    yKind: chart.yKind,
    mark: chart.mark,
    series,
  });
}

/** Throughput of this store by that of others, for every point of a closed loop that both have. */
function ratioTable(view: SectionView, section: Section, { names }: Legend): string {
  const closed = section.points.filter(({ runs }) => runs[0]?.offeredPerSecond === undefined);
  const keyOf = ({ operation, at }: Point): string => `${operation} ${at}`;
  const rowsByKey = new Map(closed.map((point) => [keyOf(point), point]));
  const shown = comparisons.filter(
    ({ ours, theirs }) =>
      closed.some(({ server }) => server === ours) && closed.some(({ server }) => server === theirs),
  );
  if (shown.length === 0) return '';
  const heads = shown.map(
    ({ ours, theirs }) =>
      `<th>${escaped(names.get(ours) ?? ours)} ÷ ${escaped(names.get(theirs) ?? theirs)}</th>`,
  );
  const rows = Array.from(rowsByKey, ([key, point]) => {
    const cells = shown.map(({ ours, theirs }) => {
      const of = (server: string): Point | undefined =>
        closed.find((each) => each.server === server && keyOf(each) === key);
      // Their scans are not the same work.
      const isComparable = point.operation !== 'E' || theirs.startsWith('redis');
      return `<td>${isComparable ? cellHtml(ratioOf(of(ours), of(theirs))) : 'not the same work'}</td>`;
    });
    return `<tr><th>${escaped(rowTitle(view, point))}</th>${cells.join('')}</tr>`;
  });
  return `<h3>Operations a second, as ratios of runs of the same round</h3><div class="wide"><table><thead><tr><th></th>${heads.join('')}</tr></thead><tbody>${rows.join('')}</tbody></table></div>`;
}

function valueTable(name: SectionName, view: SectionView, section: Section, { names }: Legend): string {
  const columns = view.columns.filter((column) =>
    section.points.some((point) => point.runs.some((run) => column.figure(run, point) !== null)),
  );
  const heads = columns.map(({ title }) => `<th>${escaped(title)}</th>`).join('');
  const slopes = name === 'keys' ? slopesOf(section) : undefined;
  const rows = section.points.map((point) => {
    const cells = columns.map((column) => `<td>${cellHtml(spreadOfColumn(column, point))}</td>`);
    if (slopes !== undefined) cells.push(`<td>${slopes.get(point) ?? ''}</td>`);
    const problems = problemsOf(point);
    const colour = [...names.keys()].indexOf(point.server);
    const server = `<td class="server c${colour}"><i></i>${escaped(names.get(point.server) ?? point.server)}</td>`;
    return `<tr><th>${escaped(rowTitle(view, point))}</th>${server}${cells.join('')}<td>${escaped(problems)}</td></tr>`;
  });
  const slope = slopes === undefined ? '' : '<th>bytes of memory for one more key</th>';
  return `<div class="wide"><table><thead><tr><th></th><th>server</th>${heads}${slope}<th>problems</th></tr></thead><tbody>${rows.join('')}</tbody></table></div>`;
}

/** By what the memory of a server grew since the point before it, for each key. */
function slopesOf(section: Section): ReadonlyMap<Point, string> {
  const slopes = new Map<Point, string>();
  const before = new Map<string, Point>();
  for (const point of section.points) {
    const bytes = point.footprint?.residentBytes;
    if (bytes === undefined || bytes === null) continue;
    const last = before.get(point.server);
    const lastBytes = last?.footprint?.residentBytes ?? null;
    if (last !== undefined && lastBytes !== null && point.at > last.at) {
      slopes.set(point, numberText((bytes - lastBytes) / (point.at - last.at)));
    }
    before.set(point.server, point);
  }
  return slopes;
}

function spreadOfColumn(column: Column, point: Point): Spread | undefined {
  return spreadOf(point.runs.map((run) => column.figure(run, point)));
}

function rowTitle(view: SectionView, { operation, at, runs }: Point): string {
  const offered = runs[0]?.offeredPerSecond !== undefined;
  if (view.axis.title !== 'share of capacity') return `${operation}, ${view.axis.text(at)}`;
  return offered ? `${operation}, open loop at ${Math.round(at * 100)} %` : operation;
}

function problemsOf({ runs }: Point): string {
  const sums = new Map<string, number>();
  for (const [name, count] of runs.flatMap((run) => Object.entries(run.problems))) {
    sums.set(name, (sums.get(name) ?? 0) + count);
  }
  return Array.from(sums, ([name, count]) => `${count} × ${name}`).join(', ');
}
