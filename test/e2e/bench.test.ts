/**
 * The benchmark suite on a handful of keys: every workload of every server that is there is answered right, and what is
 * written down can be read. Nothing is timed. Servers that are missing are left out, and named.
 */

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test, type TestContext } from 'node:test';

import { missingReason } from '../../benchmark/suite/contestants.ts';
import { isOverload } from '../../benchmark/suite/fill.ts';
import { outsideReferences } from '../../benchmark/suite/html/write-report.ts';
import { readResults } from '../../benchmark/suite/results-file.ts';
import { sectionNames, type Results } from '../../benchmark/suite/results.ts';

const script = join(import.meta.dirname, '..', '..', 'benchmark', 'suite', 'main.ts');
const boundMs = 240_000;
const domBytesMax = 64 * 1024 * 1024;

interface Ran {
  readonly output: string;
  readonly results: Results;
  readonly report: string;
  readonly html: string;
}

async function bench(
  context: TestContext,
  words: readonly string[],
  environment: NodeJS.ProcessEnv = process.env,
): Promise<Ran> {
  const folder = await mkdtemp(join(tmpdir(), 'mini-dynamo-bench-'));
  context.after(() => rm(folder, { recursive: true, force: true }));
  const child = spawn(process.execPath, [script, '--quick', '--out', folder, ...words], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: environment,
    timeout: boundMs,
  });
  const closed = once(child, 'close');
  const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr)]);
  await closed;
  assert.equal(child.exitCode, 0, `${output}\n${errors}`);
  const results = readResults(join(folder, 'results.json'));
  assert.ok(results !== undefined);
  const report = join(folder, 'index.html');
  return { output, results, report, html: readFileSync(report, 'utf8') };
}

/** A browser that is there anyway; none is installed for this. */
function findBrowser(): string | undefined {
  return ['chromium', 'google-chrome'].find((name) => spawnSync(name, ['--version']).status === 0);
}

/** The report as a browser understands it: what it had to mend or leave out is missing or moved. */
function renderedBy(browser: string, path: string): string {
  const words = ['--headless', '--no-sandbox', '--disable-gpu', '--dump-dom', `file://${path}`];
  return spawnSync(browser, words, { encoding: 'utf8', timeout: boundMs, maxBuffer: domBytesMax }).stdout;
}

function countOf(text: string, pattern: RegExp): number {
  return text.match(pattern)?.length ?? 0;
}

/** Runs without one right answer, or with a wrong one. That there is too much to do just now is a right one. */
function badRuns(results: Results): string[] {
  return Object.entries(results.sections).flatMap(([section, { points }]) =>
    points.flatMap(({ server, operation, at, runs }) =>
      runs
        .filter(
          (run) => run.operations === 0 || Object.keys(run.problems).some((problem) => !isOverload(problem)),
        )
        .map((run) => `${section}, ${operation} at ${at} of ${server}: ${JSON.stringify(run)}`),
    ),
  );
}

test('every workload of every server that is there is answered right, and reported', async (context) => {
  const { results, report, html } = await bench(context, []);
  assert.deepEqual(Object.keys(results.sections), [...sectionNames]);
  assert.deepEqual(badRuns(results), []);
  const measured = new Set(results.sections.workloads?.points.map(({ server }) => server));
  assert.ok(measured.has('store-http') && measured.has('store-redis'));
  assert.equal(measured.has('etcd'), missingReason('etcd') === undefined);
  assert.equal(measured.has('redis-plain'), missingReason('redis') === undefined);
  for (const { name } of results.skipped) context.diagnostic(`not measured here: ${name}`);
  assert.deepEqual(outsideReferences(html), []);
  for (const { name } of results.servers) assert.ok(html.includes(name), name);
  const browser = findBrowser();
  if (browser === undefined) {
    context.diagnostic('no browser is here to open the report with');
    return;
  }
  const rendered = renderedBy(browser, report);
  for (const element of [/<section\b/g, /<svg\b/g, /<polyline\b/g, /<title>/g, /<td\b/g]) {
    assert.equal(countOf(rendered, element), countOf(html, element), String(element));
  }
});

test('what is not installed is left out loudly, and the rest is measured', async (context) => {
  // Nothing but Node: no redis-server, no etcd, and none of the tools by which costs are counted.
  const environment = { ...process.env, PATH: dirname(process.execPath) };
  const { output, results, html } = await bench(context, ['--only', 'distribution'], environment);
  assert.match(output, /SKIPPED: Redis.*: redis is not installed/);
  assert.match(output, /SKIPPED: etcd.*: etcd is not installed/);
  assert.match(html, /<b>not measured:<\/b> etcd is not installed/);
  assert.deepEqual(badRuns(results), []);
  const measured = results.sections.distribution?.points.map(({ server }) => server);
  assert.deepEqual([...new Set(measured)], ['store-http', 'store-redis']);
});
