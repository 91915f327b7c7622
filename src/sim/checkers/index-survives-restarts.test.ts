import assert from 'node:assert/strict';
import { test } from 'node:test';
import { indexSurvivesRestarts } from './index-survives-restarts.ts';

test('index-survives-restarts finds what a restart forgot, and what it made up', () => {
  const before = [{ node: 'n1', lines: ['a 1', 'b 2'] }];
  const brokenBy = (...lines: string[]): string[] =>
    indexSurvivesRestarts({ before, after: [{ node: 'n1', lines }], startedFrom: 'the log alone' }).map(
      ({ message }) => message,
    );
  assert.deepEqual(brokenBy('a 1', 'b 2'), []);
  assert.match(brokenBy('a 1')[0] ?? '', /lacks \[b 2\] and has \[\]/);
  assert.match(brokenBy('a 1', 'b 2', 'c 3')[0] ?? '', /lacks \[\] and has \[c 3\]/);
  const missing = indexSurvivesRestarts({ before, after: [], startedFrom: 'the log alone' });
  assert.equal(missing.length, 1, 'a node that does not start has lost all');
});
