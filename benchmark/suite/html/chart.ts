/**
 * A chart as SVG, drawn beforehand: it needs no script, prints, and takes its colours from the page, so that it follows
 * light and dark.
 *
 * A mark is the median of some runs; the whisker behind it goes from the least to the greatest. Every mark says its
 * figures when pointed at, and the table beneath a chart has them all.
 */

import type { Spread } from '../spread.ts';
import { escaped, numberText, shortText } from './number-text.ts';
import { linearScale, logScale, stepScale, type Scale } from './scale.ts';

export interface Series {
  /** The number of its colour, and of its shape. */
  readonly colour: number;
  readonly name: string;
  readonly points: readonly { readonly x: number; readonly y: Spread }[];
}

export interface Chart {
  readonly title: string;
  readonly xTitle: string;
  /** Steps stand side by side; a logarithmic axis is for measured figures. */
  readonly xKind: 'steps' | 'log';
  readonly xText: (value: number) => string;
  readonly yKind: 'linear' | 'log';
  readonly mark: 'line' | 'dot' | 'bar';
  readonly series: readonly Series[];
}

const width = 560;
const height = 300;
const left = 52;
const right = 26;
const top = 12;
const bottom = 44;
const innerWidth = width - left - right;
const innerHeight = height - top - bottom;
/** Of a step, that the marks side by side may take. */
const spreadShare = 0.8;

interface Plot {
  readonly chart: Chart;
  readonly x: Scale;
  readonly y: Scale;
  readonly stepWidth: number;
}

/** The chart in a `figure`, with its title. */
export function chartHtml(chart: Chart): string {
  const xs = chart.series.flatMap(({ points }) => points.map(({ x }) => x));
  const ys = chart.series.flatMap(({ points }) => points.flatMap(({ y }) => [y.min, y.max]));
  const x = chart.xKind === 'log' ? logScale(xs) : stepScale(xs);
  const y = chart.yKind === 'log' ? logScale(ys) : linearScale(ys);
  const plot: Plot = { chart, x, y, stepWidth: innerWidth / Math.max(1, x.ticks.length) };
  const marks = chart.series.map((series, index) => seriesSvg(plot, series, index)).join('');
  const axes = `${yAxis(plot)}${xAxis(plot)}`;
  const title = escaped(chart.title);
  return (
    `<figure><figcaption>${title}</figcaption><svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${title}">` +
    `${axes}${marks}</svg></figure>`
  );
}

function yAxis({ y }: Plot): string {
  return y.ticks
    .map(({ value, isNamed }) => {
      const at = yOf(y, value);
      const line = `<line class="${isNamed ? 'grid' : 'grid faint'}" x1="${left}" x2="${width - right}" y1="${at}" y2="${at}"/>`;
      return isNamed
        ? `${line}<text class="tick" x="${left - 6}" y="${at + 4}" text-anchor="end">${shortText(value)}</text>`
        : line;
    })
    .join('');
}

function xAxis({ chart, x }: Plot): string {
  const ticks = x.ticks
    .filter(({ isNamed }) => isNamed)
    .map(({ value }) => {
      const at = xOf(x, value);
      return `<text class="tick" x="${at}" y="${height - bottom + 16}" text-anchor="middle">${escaped(chart.xText(value))}</text>`;
    });
  const title = `<text class="axis" x="${left + innerWidth / 2}" y="${height - 6}" text-anchor="middle">${escaped(chart.xTitle)}</text>`;
  return `${ticks.join('')}${title}`;
}

function seriesSvg(plot: Plot, series: Series, index: number): string {
  const { chart, x, y } = plot;
  const points = series.points.toSorted((one, other) => one.x - other.x);
  const shift = chart.mark === 'line' ? 0 : shiftOf(plot, index);
  const placed = points.map((point) => ({
    ...point,
    cx: xOf(x, point.x) + shift,
    cy: yOf(y, point.y.median),
  }));
  const path =
    chart.mark === 'line' && placed.length > 1
      ? `<polyline points="${placed.map(({ cx, cy }) => `${fixed(cx)},${fixed(cy)}`).join(' ')}"/>`
      : '';
  const marks = placed.map(({ cx, cy, x: value, y: spread }) => {
    const text = `${series.name}, ${chart.xText(value)}: ${spreadText(spread)}`;
    const whisker = `<line class="whisker" x1="${fixed(cx)}" x2="${fixed(cx)}" y1="${fixed(yOf(y, spread.min))}" y2="${fixed(yOf(y, spread.max))}"/>`;
    const mark = chart.mark === 'bar' ? barSvg(plot, cx, cy) : shapeSvg(series.colour, cx, cy);
    return `<g>${chart.mark === 'bar' ? mark + whisker : whisker + mark}<title>${escaped(text)}</title></g>`;
  });
  return `<g class="c${series.colour}">${path}${marks.join('')}</g>`;
}

/** `12,300 (11,900 to 12,800)`, or the figure alone where there was one run. */
function spreadText(spread: Spread): string {
  if (spread.min === spread.max) return numberText(spread.median);
  return `${numberText(spread.median)} (${numberText(spread.min)} to ${numberText(spread.max)})`;
}

function slotWidth({ chart, stepWidth }: Plot): number {
  return (stepWidth * spreadShare) / Math.max(1, chart.series.length);
}

function shiftOf(plot: Plot, index: number): number {
  return (index - (plot.chart.series.length - 1) / 2) * slotWidth(plot);
}

function barSvg(plot: Plot, cx: number, cy: number): string {
  const barWidth = slotWidth(plot) * 0.85;
  const foot = height - bottom;
  return `<rect x="${fixed(cx - barWidth / 2)}" y="${fixed(cy)}" width="${fixed(barWidth)}" height="${fixed(foot - cy)}"/>`;
}

/** A shape for each colour, for those who cannot tell the colours apart. */
function shapeSvg(colour: number, cx: number, cy: number): string {
  const [x, y] = [fixed(cx), fixed(cy)];
  switch (colour % 4) {
    case 0:
      return `<circle cx="${x}" cy="${y}" r="4"/>`;
    case 1:
      return `<rect x="${fixed(cx - 3.5)}" y="${fixed(cy - 3.5)}" width="7" height="7"/>`;
    case 2:
      return `<path d="M${x} ${fixed(cy - 5)}l5 9h-10z"/>`;
    default:
      return `<path d="M${x} ${fixed(cy - 5)}l5 5l-5 5l-5 -5z"/>`;
  }
}

function xOf(scale: Scale, value: number): number {
  return Number(fixed(left + scale.position(value) * innerWidth));
}

function yOf(scale: Scale, value: number): number {
  return Number(fixed(top + (1 - scale.position(value)) * innerHeight));
}

function fixed(value: number): string {
  return value.toFixed(1);
}
