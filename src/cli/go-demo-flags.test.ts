import assert from 'node:assert/strict';
import { test } from 'node:test';

import { UsageFailure } from './command-failure.ts';
import { successors, translateGoFlags } from './go-demo-flags.ts';

test('the command line of the Go demo starts a node', () => {
  const today = ['serve', '--id=n1', '--config=nodes.json', '--data-dir=d', '--listen', ':9001'];
  for (const line of [
    ['--id=n1', '--config=nodes.json', '--data_dir=d', '--listen', ':9001'],
    ['-id=n1', '-config=nodes.json', '-data_dir=d', '-listen', ':9001'],
    ['serve', '-id=n1', '--config=nodes.json', '--data_dir=d', '--listen', ':9001'],
  ]) {
    assert.deepEqual(translateGoFlags(line), today);
  }
});

test('a flag that is gone is refused with what took its place', () => {
  for (const [name, successor] of successors) {
    for (const argument of [`--${name}=1`, `-${name}`]) {
      assert.throws(
        () => translateGoFlags(['--id=n1', argument]),
        (error) => error instanceof UsageFailure && error.message.includes(successor),
      );
    }
  }
});

test('other commands are left alone', () => {
  for (const line of [
    [],
    ['--version'],
    ['put', '--id=x', '-ae'],
    ['serve', '--id', 'ae'],
    ['up', '--config=x'],
  ]) {
    assert.deepEqual(translateGoFlags(line), line);
  }
});
