import assert from 'node:assert/strict';
import { test } from 'node:test';

import { optionsOf } from './options.ts';
import { sectionNames } from './results.ts';

test('without words everything is measured, in the default profile', () => {
  const options = optionsOf([]);
  assert.equal(options.profile.name, 'default');
  assert.deepEqual(options.sections, sectionNames);
  assert.deepEqual([...options.programs], ['store', 'redis', 'etcd', 'url']);
});

test('sections, servers, addresses and processes can be chosen', () => {
  const words = ['--full', '--only', 'nodes,keys', '--servers', 'store,etcd', '--pids', '1,2'];
  const options = optionsOf([...words, '--url', 'http://127.0.0.1:1', '--url', 'http://127.0.0.1:2']);
  assert.equal(options.profile.name, 'full');
  assert.deepEqual(options.sections, ['nodes', 'keys']);
  assert.deepEqual([...options.programs], ['store', 'etcd']);
  assert.deepEqual(
    options.urls.map(({ port }) => port),
    ['1', '2'],
  );
  assert.deepEqual(options.pids, [1, 2]);
});

test('a disturbed run can be taken as it is', () => {
  assert.equal(optionsOf(['--repeats', '0']).profile.repeats, 0);
  assert.equal(optionsOf(['--repeats', '3']).profile.repeats, 3);
});

for (const words of [
  ['--repeats', '-1'],
  ['--only', 'everything'],
  ['--servers', 'mysql'],
  ['--loaders', '0'],
  ['--pids', 'x'],
  ['--url', 'nowhere'],
  ['--quick', '--full'],
  ['--fast'],
]) {
  test(`${words.join(' ')} is refused`, () => {
    assert.throws(() => optionsOf(words));
  });
}
