import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { LogLevel, Observer } from '../ports/observer.ts';
import { createLogObserver, type LogFormat } from './log-observer.ts';

function observing(format: LogFormat, level: LogLevel): { observer: Observer; lines: string[] } {
  const lines: string[] = [];
  const observer = createLogObserver({ format, level, write: (line) => lines.push(line), nowMs: () => 0 });
  return { observer, lines };
}

test('a text line has time, level, event, message and the fields that are given', () => {
  const { observer, lines } = observing('text', 'info');
  observer.log('warn', 'log.cut', 'cut a torn tail', { file: 'a b', offset: 7, peer: 'n2', none: undefined });
  assert.deepEqual(lines, [
    '1970-01-01T00:00:00.000Z warn  log.cut  cut a torn tail  file="a b"  offset=7  peer=n2\n',
  ]);
});

test('a JSON line is one object, and no field overwrites what every line has', () => {
  const { observer, lines } = observing('json', 'info');
  observer.log('error', 'x.y', 'two\nlines', { level: 'debug', peer: 'n2' });
  assert.equal(lines.length, 1);
  assert.deepEqual(JSON.parse(lines[0] ?? ''), {
    time: '1970-01-01T00:00:00.000Z',
    level: 'error',
    event: 'x.y',
    message: 'two\nlines',
    peer: 'n2',
  });
});

test('a message with line breaks and escapes stays one harmless line', () => {
  const { observer, lines } = observing('text', 'debug');
  observer.log('debug', 'x', 'a\nb\u001B[2J');
  assert.match(lines[0] ?? '', /a\\nb\\u001b\[2J\n$/);
});

test('lines below the level are left out', () => {
  const { observer, lines } = observing('text', 'warn');
  observer.log('info', 'x', 'not shown');
  observer.log('warn', 'x', 'shown');
  assert.equal(lines.length, 1);
});

test('what every line is to have is in each of them, and a line may say otherwise', () => {
  const lines: string[] = [];
  const write = (line: string): void => void lines.push(line);
  const fields = { node: 'n1-2' };
  const observer = createLogObserver({ format: 'text', level: 'info', write, nowMs: () => 0, fields });
  observer.log('info', 'a.b', 'c', { peer: 'n2' });
  observer.log('info', 'a.b', 'c', { node: 'n3' });
  assert.match(lines[0] ?? '', / {2}node=n1-2 {2}peer=n2\n$/);
  assert.match(lines[1] ?? '', / {2}node=n3\n$/);
});
