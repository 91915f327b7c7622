import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { Answer, Dialog, DialogSpec } from './dialog.ts';
import { openDialog } from './open-dialog.ts';
import { keyText, Payload } from './payload.ts';

const payload = new Payload(5);

function open(spec: DialogSpec): { dialog: Dialog; answers: Answer[]; hear: (text: string) => void } {
  const answers: Answer[] = [];
  const url = new URL('http://127.0.0.1:9001/');
  const dialog = openDialog(spec, {
    url,
    payload,
    keepValues: true,
    onAnswer: (answer) => void answers.push(answer),
  });
  return { dialog, answers, hear: (text) => dialog.feed(Buffer.from(text, 'latin1')) };
}

test('http: a write-back passes the version that was read', () => {
  const { dialog, answers, hear } = open({ kind: 'http' });
  assert.match(
    dialog.ask({ kind: 'read', key: 7 }),
    /^GET \/kv\/user000000000007 HTTP\/1\.1\r\nHost: 127\.0\.0\.1:9001\r\n\r\n$/,
  );
  hear('HTTP/1.1 200 OK\r\nETag: "12-0-n1.a"\r\nContent-Length: 5\r\n\r\nabcde');
  assert.deepEqual(answers.pop(), { version: '"12-0-n1.a"', value: 'abcde' });
  const request = dialog.ask({ kind: 'write-back', key: 7, salt: 3, version: '"12-0-n1.a"' });
  assert.ok(request.includes('\r\nX-Causal-Context: "12-0-n1.a"\r\n'));
  assert.ok(request.endsWith(`\r\nContent-Length: 5\r\n\r\n${payload.value(3)}`));
  hear('HTTP/1.1 204 No Content\r\n\r\n');
  assert.deepEqual(answers.pop(), {});
});

test('http: what is missing, refused or of another length is a problem with a name', () => {
  const { dialog, answers, hear } = open({ kind: 'http' });
  const replies: readonly (readonly [string, string])[] = [
    ['HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\nnot found', 'not found'],
    ['HTTP/1.1 503 No\r\nContent-Length: 25\r\n\r\n{"code":"QUORUM_NOT_MET"}', 'status 503, QUORUM_NOT_MET'],
    ['HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabcd', 'a value of 4 bytes'],
  ];
  for (const [text, problem] of replies) {
    dialog.ask({ kind: 'read', key: 1 });
    hear(text);
    assert.deepEqual(answers.pop(), { problem });
  }
});

test('redis: a SET and its WAIT are one request, and too few replicas are a problem', () => {
  const { dialog, answers, hear } = open({ kind: 'redis', waitFor: 1 });
  const request = dialog.ask({ kind: 'write', key: 7, salt: 3 });
  assert.ok(
    request.startsWith(
      `*3\r\n$3\r\nSET\r\n$16\r\n${keyText(7)}\r\n$5\r\n${payload.value(3)}\r\n*3\r\n$4\r\nWAIT\r\n`,
    ),
  );
  hear('+OK\r\n');
  assert.deepEqual(answers, []);
  hear(':1\r\n');
  assert.deepEqual(answers.pop(), {});
  dialog.ask({ kind: 'write', key: 7, salt: 3 });
  dialog.ask({ kind: 'read', key: 7 });
  hear('+OK\r\n:0\r\n$5\r\nabcde\r\n');
  assert.deepEqual(answers.splice(0), [{ problem: 'too few replicas' }, { value: 'abcde' }]);
});

test('redis: errors go by their first word, and a scan counts its keys without the cursor', () => {
  const { dialog, answers, hear } = open({ kind: 'redis', waitFor: 0 });
  dialog.ask({ kind: 'write', key: 7, salt: 3 });
  hear('-BUSY later\r\n');
  dialog.ask({ kind: 'read', key: 7 });
  hear('$-1\r\n');
  assert.match(dialog.ask({ kind: 'scan', key: 0, length: 10 }), /^SCAN \d+ COUNT 10\r\n$/);
  hear('*2\r\n$1\r\n0\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n');
  assert.deepEqual(answers, [{ problem: '-BUSY' }, { problem: 'not found' }, { entries: 2 }]);
});

function http(json: string): string {
  return `HTTP/1.1 200 OK\r\nContent-Length: ${json.length}\r\n\r\n${json}`;
}

test('etcd: a write-back compares the revision, and a refusal is a conflict', () => {
  const { dialog, answers, hear } = open({ kind: 'etcd' });
  const key = btoa(keyText(7));
  dialog.ask({ kind: 'read', key: 7 });
  hear(
    http(
      `{"header":{"revision":"9"},"kvs":[{"key":"${key}","create_revision":"2","mod_revision":"8","value":"${btoa('abcde')}"}],"count":"1"}`,
    ),
  );
  assert.deepEqual(answers.pop(), { version: '8', value: 'abcde' });
  const request = dialog.ask({ kind: 'write-back', key: 7, salt: 3, version: '8' });
  const body: unknown = JSON.parse(request.slice(request.indexOf('{')));
  const value = payload.encodedValue(3);
  assert.deepEqual(body, {
    compare: [{ key, target: 'MOD', result: 'EQUAL', mod_revision: '8' }],
    success: [{ request_put: { key, value } }],
  });
  hear(http('{"header":{"revision":"10"},"succeeded":true}'));
  assert.deepEqual(answers.pop(), {});
  dialog.ask({ kind: 'write-back', key: 7, salt: 3, version: '8' });
  hear(http('{"header":{"revision":"10"}}'));
  assert.deepEqual(answers.pop(), { isConflict: true });
});

test('etcd: no key is not found, and a scan counts its entries', () => {
  const { dialog, answers, hear } = open({ kind: 'etcd' });
  dialog.ask({ kind: 'read', key: 7 });
  hear(http('{"header":{"revision":"9"}}'));
  dialog.ask({ kind: 'scan', key: 7, length: 2 });
  hear(http('{"kvs":[{"key":"a","create_revision":"2"},{"key":"b","create_revision":"3"}],"more":true}'));
  assert.deepEqual(answers, [{ problem: 'not found' }, { entries: 2 }]);
});
