import assert from 'node:assert/strict';
import { test } from 'node:test';
import { entityTagOf, listsEntityTag, parseEntityTag } from './entity-tag.ts';

const dot = { wallMs: 1_700_000_000_000, counter: 7, actor: 'n1.k3f9xa' };

test('a tag is read back to its dot, quoted or bare', () => {
  assert.equal(entityTagOf(dot), '"1700000000000-7-n1.k3f9xa"');
  assert.deepEqual(parseEntityTag(entityTagOf(dot)), dot);
  assert.deepEqual(parseEntityTag('1700000000000-7-n1.k3f9xa'), dot);
});

test('what is no tag of ours names no dot', () => {
  for (const text of ['', '"', '""', 'W/"1-2-n1"', '"1-2-n1', '1-2', '1-70000-n1', '"1-2-n1", "1-3-n1"']) {
    assert.equal(parseEntityTag(text), undefined, text);
  }
});

test('a list names a tag by itself, weakly, or as any', () => {
  const tag = entityTagOf(dot);
  for (const header of [tag, `"x", ${tag}`, `W/${tag}`, '*']) assert.ok(listsEntityTag(header, tag), header);
  for (const header of ['"x"', '', tag.slice(1, -1)]) assert.ok(!listsEntityTag(header, tag), header);
});
