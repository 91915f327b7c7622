import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { z } from 'zod';

import { verdictOf, whyText, type whySchema } from './why-text.ts';

type Why = z.infer<typeof whySchema>;

const digest = {
  ts: 1_700_000_000_000,
  counter: 0,
  writer_id: 'n1',
  actor: 'n1.abc',
  deleted: false,
  checksum: '0000abcd',
};
const arrived = { path: 'write', from: 'n1', ago_ms: 90_000 };
const copy = { ...digest, bytes: 5, newest: true, arrived };
const answered = { role: 'owner', state: 'answered', message: '', witness: true, failure: null };

function why(changes: Partial<Why>): Why {
  return {
    ...{ token: '00ff00ff00ff00ff', partition: 17, level: true, newest: digest },
    ...{ owners: ['n1', 'n2'], fallbacks: ['n3'], hints: [] },
    nodes: [
      { id: 'n1', ...answered, copy },
      { id: 'n2', ...answered, copy },
      { id: 'n3', ...answered, role: 'fallback', copy: null },
    ],
    ...changes,
  };
}

test('a level key shows each owner with its copy and how it came, and no fallback without a part in it', () => {
  assert.deepEqual(whyText(why({})).split('\n'), [
    'token 00ff00ff00ff00ff, partition 17, owners n1 n2, fallbacks n3',
    'newest version 1700000000000-0-n1.abc, stamped by n1 at 2023-11-14T22:13:20.000Z',
    '',
    'NODE  ROLE   HOLDS          VERSION                 SIZE  CHECKSUM  CAME',
    'n1    owner  value, newest  1700000000000-0-n1.abc  5 B   0000abcd  client write coordinated here, 1m 30s ago',
    'n2    owner  value, newest  1700000000000-0-n1.abc  5 B   0000abcd  client write from n1, 1m 30s ago',
    '',
    'All owners hold the newest version.',
  ]);
});

test('every way by which a copy came has its own words', () => {
  const ways: [Why['nodes'][number]['copy'], RegExp][] = [
    [
      { ...copy, arrived: { ...arrived, path: 'read', from: 'n2' } },
      /read at n2 that found it behind, 1m 30s ago/,
    ],
    [{ ...copy, arrived: { ...arrived, path: 'handoff', from: 'n2' } }, / handed over by n2, /],
    [
      { ...copy, arrived: { ...arrived, path: 'anti-entropy', from: 'n3' } },
      /fetched from n3 by anti-entropy, /,
    ],
    [{ ...copy, arrived: { ...arrived, path: 'inspection' } }, /inspection at n1, /],
    [{ ...copy, arrived: null }, /from its disk, or too long ago to be remembered/],
    [{ ...copy, deleted: true, newest: false }, /tombstone, older/],
    [{ ...copy, expires_at_ms: 1_700_000_001_000 }, /value until 2023-11-14T22:13:21.000Z, newest/],
  ];
  for (const [held, words] of ways) {
    assert.match(whyText(why({ nodes: [{ id: 'n1', ...answered, copy: held }] })), words);
  }
});

test('for each owner that lacks the newest version it is told what will bring it', () => {
  const hint = { ...copy, holder: 'n1', target: 'n2' };
  const down = {
    id: 'n2',
    ...answered,
    state: 'down',
    message: 'it cannot be reached',
    witness: null,
    copy: null,
  };
  const holder = { id: 'n1', ...answered, copy };
  const hinted = why({ level: false, nodes: [holder, down], hints: [hint] });
  assert.match(whyText(hinted), /^hint: n1 keeps value for n2 \(1700000000000-0-n1\.abc\)$/m);
  assert.equal(verdictOf(hinted), 'n2 is down (it cannot be reached); a hint is on its way.');
  assert.match(verdictOf({ ...hinted, hints: [] }), /no hint is kept for it\.$/);
  const behind = { id: 'n2', ...answered, copy: { ...copy, newest: false } };
  const older = why({ level: false, nodes: [holder, behind] });
  assert.equal(verdictOf(older), 'n2 holds an older version; read repair or anti-entropy will bring it.');
  const lacks = why({ level: false, nodes: [holder, { ...behind, copy: null, witness: false }] });
  assert.match(whyText(lacks), /n2 +owner +nothing \(no witness\)/);
  assert.match(verdictOf(lacks), /^n2 holds nothing; /);
  const corrupt = why({
    level: false,
    nodes: [holder, { ...behind, copy: null, failure: 'RECORD_CORRUPT' }],
  });
  assert.match(verdictOf(corrupt), /^n2 can't read its copy \(RECORD_CORRUPT\); the other owners heal it\.$/);
});

test('a key that nobody has says so', () => {
  const nodes = [{ id: 'n1', ...answered, copy: null }];
  assert.equal(verdictOf(why({ newest: null, nodes })), 'No node holds anything under this key.');
});
