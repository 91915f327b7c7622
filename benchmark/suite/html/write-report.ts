/**
 * The report: one HTML file that needs nothing else. No script, no font, no picture from anywhere; it can be sent by
 * mail, and read in ten years.
 */

import { writeFileSync } from 'node:fs';

import { sectionNames, type Results } from '../results.ts';
import { bytesText, escaped } from './number-text.ts';
import { sectionHtml, type Legend } from './section-html.ts';
import { style } from './style.ts';
import { summaryHtml } from './summary-html.ts';
import { views } from './views.ts';

export function writeReport(path: string, results: Results): void {
  writeFileSync(path, reportHtml(results));
}

/** What in a report would be fetched from elsewhere, or run; empty for a good one. */
export function outsideReferences(html: string): readonly string[] {
  const outside =
    /<(?:script|iframe|link|img|object|embed)\b|\b(?:src|srcset)=|\bhref="(?!#)|\burl\(|@import\b/gi;
  const lines = html.split('\n').filter((line) => line.search(outside) >= 0);
  return lines.map((line) => line.slice(0, 200));
}

export function reportHtml(results: Results): string {
  const legend: Legend = { names: new Map(results.servers.map(({ id, name }) => [id, name])) };
  const measured = sectionNames.filter((name) => results.sections[name] !== undefined);
  const links = measured.map((name) => `<a href="#${name}">${escaped(views[name].title)}</a>`);
  const sections = measured.map((name) => {
    const section = results.sections[name];
    return section === undefined ? '' : sectionHtml(name, section, legend);
  });
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>mini-dynamo: benchmark</title>
<style>${style}</style>
</head>
<body>
<h1>mini-dynamo beside other stores</h1>
${headHtml(results)}
<nav>${links.join(' ')}</nav>
${summaryHtml(results, legend)}
${sections.join('\n')}
</body>
</html>
`;
}

function headHtml({ machine, servers, skipped, sections }: Results): string {
  const days = [
    ...new Set(Object.values(sections).map(({ measuredAt }) => measuredAt.slice(0, 10))),
  ].toSorted();
  const { syncUs } = machine;
  const about = [
    `${machine.cores} cores of ${machine.cpu}`,
    bytesText(machine.memoryBytes),
    machine.system,
    `Node ${machine.node}`,
    `a page written and synced in ${syncUs.p50} µs (p99 ${syncUs.p99} µs)`,
  ];
  const quick = Object.values(sections).some(({ profile }) => profile === 'quick')
    ? '<p><b>Some sections are of a quick run: their figures mean nothing.</b></p>'
    : '';
  const rows = servers.map(({ id, name, version, about: text }, colour) => {
    const kind = id.startsWith('store') ? '' : ` ${version}`;
    return `<dt class="c${colour} server"><i></i>${escaped(name)}${escaped(kind)}</dt><dd>${escaped(text)}</dd>`;
  });
  const left = skipped.map(
    ({ name, reason }) => `<dt>${escaped(name)}</dt><dd><b>not measured:</b> ${escaped(reason)}</dd>`,
  );
  return `<p>Measured on ${escaped(days.join(', '))}, on one machine: ${escaped(about.join('; '))}. Servers and load generators share it, so what a server does a second is this machine’s
cores divided by the CPU that the server and its load need for it. Servers took turns within each round.</p>
${quick}<dl>${rows.join('')}${left.join('')}</dl>`;
}
