import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { mergedResults, readResults, writeResults } from './results-file.ts';
import type { Results, Section } from './results.ts';
import { sampleResults, sampleSection } from './sample-results.ts';

function withFile(body: (path: string) => void): void {
  const folder = mkdtempSync(join(tmpdir(), 'mini-dynamo-results-'));
  try {
    body(join(folder, 'deeper', 'results.json'));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

test('what is written is what is read', () => {
  withFile((path) => {
    assert.equal(readResults(path), undefined);
    writeResults(path, sampleResults);
    assert.deepEqual(readResults(path), sampleResults);
  });
});

test('a file of another format is refused, not overwritten', () => {
  withFile((path) => {
    writeResults(path, sampleResults);
    writeFileSync(path, JSON.stringify({ ...sampleResults, format: 0 }));
    assert.throws(() => readResults(path), /no results file of this format/);
  });
});

test('sections that were measured now replace those before, and the others stay', () => {
  const older: Section = { ...sampleSection, commit: 'older' };
  const before: Results = { ...sampleResults, sections: { concurrency: older, nodes: older } };
  const merged = mergedResults(before, { ...sampleResults, sections: { concurrency: sampleSection } });
  assert.deepEqual(merged.sections, { concurrency: sampleSection, nodes: older });
});

test('a server that was skipped before and is measured now is skipped no more', () => {
  const [server] = sampleResults.servers;
  assert.ok(server !== undefined);
  const skipped = [
    { name: server.name, reason: 'was not there' },
    { name: 'another', reason: 'is not there' },
  ];
  const merged = mergedResults({ ...sampleResults, servers: [], skipped }, sampleResults);
  assert.deepEqual(
    merged.skipped.map(({ name }) => name),
    ['another'],
  );
});

test('results of two machines are not put side by side', () => {
  const other: Results = { ...sampleResults, machine: { ...sampleResults.machine, cores: 64 } };
  assert.throws(() => mergedResults(other, sampleResults), /another machine/);
});
