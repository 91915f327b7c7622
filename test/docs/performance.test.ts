/**
 * docs/performance.md and the report say what the results file says. `node test/docs/performance.test.ts --update` makes both
 * anew.
 */

import assert from 'node:assert/strict';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';

import { outsideReferences, reportHtml } from '../../benchmark/suite/html/write-report.ts';
import { readResults } from '../../benchmark/suite/results-file.ts';
import { summaryMarkdown } from '../../benchmark/suite/summary.ts';

const page = new URL('../../docs/performance.md', import.meta.url);
const folder = new URL('../../benchmark/report/', import.meta.url);
const report = new URL('index.html', folder);
const tables = /(<!-- summary: .* -->\n\n)([^]*?)(\n<!-- end of summary -->)/;
const reportBytesMax = 1024 * 1024;

const results = readResults(new URL('results.json', folder).pathname);
assert.ok(results !== undefined);
const isUpdate = process.argv.includes('--update');

test('docs/performance.md has the figures of the results file', () => {
  const text = readFileSync(page, 'utf8');
  const expected = summaryMarkdown(results);
  if (isUpdate) {
    writeFileSync(
      page,
      text.replace(tables, (_, before: string, __, after: string) => before + expected + after),
    );
    return;
  }
  assert.equal(tables.exec(text)?.[2], expected);
});

test('the report is what the results file gives, needs nothing else, and is small', () => {
  const expected = reportHtml(results);
  if (isUpdate) writeFileSync(report, expected);
  assert.ok(readFileSync(report, 'utf8') === expected, 'make it anew: npm run bench -- --report-only');
  assert.deepEqual(outsideReferences(expected), []);
  assert.ok(statSync(report).size + statSync(new URL('results.json', folder)).size < reportBytesMax);
});

test('no section is of a quick run, whose figures mean nothing', () => {
  for (const { profile } of Object.values(results.sections)) assert.notEqual(profile, 'quick');
});
