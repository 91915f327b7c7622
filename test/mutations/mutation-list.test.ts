/** The list of safety lines stays true to the code; whether each is caught is the business of `npm run mutants`. */

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { occurrences, repository } from './mutated-tree.ts';
import { mutations } from './mutation-list.ts';

test('every safety line is still in its file, exactly once', () => {
  const stale = mutations.filter((mutation) => occurrences(mutation) !== 1);
  assert.deepEqual(
    stale.map(({ name, file }) => `${name} in ${file}`),
    [],
  );
});

test('every mutation changes something, has a name of its own, and names what must catch it', () => {
  assert.ok(mutations.length >= 30);
  assert.equal(new Set(mutations.map(({ name }) => name)).size, mutations.length);
  for (const { name, find, replace, tests = [], seeds } of mutations) {
    assert.notEqual(find, replace, name);
    assert.ok(tests.length > 0 || seeds !== undefined, name);
    for (const file of tests) assert.ok(existsSync(path.join(repository, file)), `${name}: ${file}`);
  }
});

test('docs/mutations.md tells of every mutation: npm run mutants writes it', () => {
  const page = readFileSync(path.join(repository, 'docs/mutations.md'), 'utf8');
  const listed = Array.from(page.matchAll(/^\| `([\w-]+)` \|/gm), ([, name]) => name);
  assert.deepEqual(
    listed,
    mutations.map(({ name }) => name),
  );
});
