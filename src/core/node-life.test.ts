import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  describeKnownLife,
  describeLife,
  isGeneration,
  judgeLife,
  type LoggedLife,
  type LogMark,
} from './node-life.ts';

const known = { incarnation: 7, life: 0x1f3a09bc, log: { generation: 'abc', since: 3, entries: 100 } };

function claim(incarnation: number, life: number, log: Partial<LogMark> = {}): LoggedLife {
  return { incarnation, life, log: { ...known.log, ...log } };
}

function assertRefused(claimed: LoggedLife): void {
  assert.equal(judgeLife(claimed, known, false), 'rolled-back');
  assert.equal(judgeLife(claimed, known, true), 'id-in-use', 'the known life is at work');
}

function assertWelcome(claimed: LoggedLife): void {
  for (const isPresent of [false, true]) assert.equal(judgeLife(claimed, known, isPresent), 'welcome');
}

describe('a life that introduces itself', () => {
  test('is welcome when nothing is known of the node', () => {
    assert.equal(judgeLife(claim(1, 1, { entries: 0 }), undefined, false), 'welcome');
  });

  test('is welcome when it is the known one, present or not, or a later one', () => {
    assertWelcome(known);
    assertWelcome(claim(8, 1));
    assertWelcome(claim(8, 1, { entries: 101 }));
  });

  test('is welcome when it comes back to a peer that heard its log grow meanwhile', () => {
    assertWelcome(claim(known.incarnation, known.life, { entries: 40 }));
  });

  test('gives its disk away by an incarnation that was passed, or that another life had', () => {
    assertRefused(claim(6, 5));
    assertRefused(claim(6, known.life));
    assertRefused(claim(7, 5));
    assertRefused(claim(7, 5, { since: 7, generation: 'x' }));
  });

  test('gives its disk away by a log that is shorter than was heard, however late its incarnation', () => {
    assertRefused(claim(8, 5, { entries: 99 }));
    assertRefused(claim(800, 5, { entries: 0 }));
  });

  test('gives its disk away by the generation of another one that began no later', () => {
    assertRefused(claim(8, 5, { generation: 'other' }));
    assertRefused(claim(8, 5, { since: 2, entries: 1_000 }));
    assertRefused(claim(8, 5, { since: 0, generation: 'other', entries: 1_000 }));
  });

  test('has its log counted anew once its generation began after the known one', () => {
    assertWelcome(claim(8, 5, { since: 8, generation: 'other', entries: 0 }));
  });

  test('is described with both numbers, and one that stands in the way for its log says so', () => {
    assert.equal(describeLife(known), 'incarnation 7 (life 1f3a09bc)');
    assert.equal(describeLife({ incarnation: 1, life: 10 }), 'incarnation 1 (life 0000000a)');
    assert.equal(describeKnownLife(known, claim(6, 1)), 'incarnation 7 (life 1f3a09bc)');
    assert.match(describeKnownLife(known, claim(8, 1)), /7 \(life 1f3a09bc\), with a log that is not all/);
  });
});

test('a generation is a short word of letters and digits', () => {
  for (const text of ['a', '0', 'k3f9xa', 'z'.repeat(32)]) assert.ok(isGeneration(text));
  for (const text of ['', 'A', 'a b', 'a\n', 'ü', 'z'.repeat(33)]) assert.ok(!isGeneration(text));
});
