/** docs/operations.md names every field of the pages that an operator reads. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { startHarness } from '../../src/frontends/test-harness.ts';

const page = readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8');

/** The part of the page about a path: what lies between its heading and the next. */
function sectionOf(path: string): string {
  const heading = path.startsWith('/debug/why') ? '## Why does this key' : `### \`${path}\``;
  const start = page.indexOf(heading);
  assert.ok(start >= 0, path);
  const end = page.slice(start + heading.length).search(/^##/m);
  return end < 0 ? page.slice(start) : page.slice(start, start + heading.length + end);
}

/** Names of all fields, those of the objects inside too; objects that are named by nodes are left out. */
function fieldsOf(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(fieldsOf);
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) => [
    name,
    ...(/^(targets|target_bytes)$/.test(name) ? [] : fieldsOf(inner)),
  ]);
}

for (const path of ['/debug/hints', '/debug/ae', '/debug/floor', '/debug/persist', '/debug/why?key=k']) {
  test(`docs/operations.md tells of every field of ${path}`, async (t) => {
    const harness = await startHarness(t);
    await harness.request('PUT', '/kv/k?ttl=1000', { body: 'x' });
    const reply = await harness.request('GET', path);
    assert.equal(reply.status, 200);
    const section = sectionOf(path);
    const named = new Set(Array.from(section.matchAll(/`([a-z_]+)`/g), ([, name]) => name));
    // What a person asks for needs no explanation.
    const untold = fieldsOf(JSON.parse(reply.body.toString())).filter(
      (name) => !named.has(name) && name !== 'key',
    );
    assert.deepEqual(untold, []);
  });
}
