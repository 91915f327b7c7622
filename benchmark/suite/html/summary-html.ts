/** The first screen of the report. */

import type { Results } from '../results.ts';
import type { Spread } from '../spread.ts';
import { originOf, summaryOf, type SummaryTable } from '../summary.ts';
import { escaped, numberText } from './number-text.ts';
import type { Legend } from './section-html.ts';

export function summaryHtml(results: Results, legend: Legend): string {
  const tables = summaryOf(results);
  if (tables.length === 0) return '';
  return [
    '<section id="summary"><h2>At a glance</h2>',
    '<p>Values of 100 bytes, keys drawn evenly. CPU is that of all processes of a server together. Figures are medians, with the least and the greatest run; they depend on this machine, ratios less so.</p>',
    `<p>${escaped(originOf(results))}</p>`,
    ...tables.map((table) => tableHtml(table, legend)),
    '</section>',
  ].join('\n');
}

function tableHtml({ columns, rows }: SummaryTable, { names }: Legend): string {
  const colours = [...names.keys()];
  const heads = columns.map((column) => `<th>${escaped(column)}</th>`).join('');
  const lines = rows.map(({ server, name, cells }) => {
    const text = escaped(name);
    const head =
      server === undefined
        ? `<th>${text}</th>`
        : `<th class="server c${colours.indexOf(server)}"><i></i>${text}</th>`;
    return `<tr>${head}${cells.map((cell) => `<td>${cellHtml(cell)}</td>`).join('')}</tr>`;
  });
  return `<div class="wide"><table><thead><tr>${heads}</tr></thead><tbody>${lines.join('')}</tbody></table></div>`;
}

/** The median, and smaller the least and the greatest. */
export function cellHtml(spread: Spread | undefined): string {
  if (spread === undefined) return '';
  const { min, median, max } = spread;
  if (min === max) return numberText(median);
  return `${numberText(median)} <small>(${numberText(min)} to ${numberText(max)})</small>`;
}
