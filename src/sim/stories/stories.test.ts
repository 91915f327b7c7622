/**
 * Golden stories: each script in this folder is played in the simulator and must come out as it is written.
 * `npm run stories:update` records them anew; the difference is then read and committed like code.
 */

import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { inMacrotask } from '../drain.ts';
import { playStory } from './play-story.ts';

const folder = import.meta.dirname;
const isUpdate = process.argv.includes('--update');
const stories = readdirSync(folder)
  .filter((name) => name.endsWith('.story'))
  .sort();

for (const name of stories) {
  const file = path.join(folder, name);
  const text = readFileSync(file, 'utf8');
  const title = text.slice(2, text.indexOf('\n'));
  test(title, async () => {
    const played = await inMacrotask(() => playStory(text));
    if (isUpdate) writeFileSync(file, played);
    else assert.equal(played, text, `${name} tells something else now; npm run stories:update shows what`);
  });
}

test('every story is listed in docs/stories.md', () => {
  const page = readFileSync(path.join(folder, '../../../docs/stories.md'), 'utf8');
  const listed = new Set(Array.from(page.matchAll(/stories\/([\w-]+\.story)/g), ([, name]) => name));
  assert.deepEqual(listed, new Set(stories));
  assert.ok(stories.length >= 10);
});

test('a story with an unknown command, or with other output than what happens, does not pass', async () => {
  await assert.rejects(
    inMacrotask(() => playStory('cluster 3 n=3 r=2 w=2\nfly n1\n')),
    /"fly n1": there is no such command/,
  );
  const wrong = 'cluster 3 n=3 r=2 w=2\nput n1 a b w=3\n    lost\nheld a\n';
  assert.equal(
    await inMacrotask(() => playStory(wrong)),
    'cluster 3 n=3 r=2 w=2\nput n1 a b w=3\n    stored\nheld a\n    n1: b\n    n2: b\n    n3: b\n',
  );
});
