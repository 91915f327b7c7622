import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { describeLife, judgeLife } from './node-life.ts';

const known = { incarnation: 7, life: 0x1f3a09bc };

describe('a life that introduces itself', () => {
  test('is welcome when nothing is known of the node', () => {
    assert.equal(judgeLife({ incarnation: 1, life: 1 }, undefined, false), 'welcome');
  });

  test('is welcome when it is the known one, present or not, or a later one', () => {
    for (const isPresent of [false, true]) {
      assert.equal(judgeLife(known, known, isPresent), 'welcome');
      assert.equal(judgeLife({ incarnation: 8, life: 1 }, known, isPresent), 'welcome');
    }
  });

  test('gives its disk away by an incarnation that was passed, or that another life had', () => {
    for (const claimed of [
      { incarnation: 6, life: 5 },
      { incarnation: 6, life: known.life },
      { incarnation: 7, life: 5 },
    ]) {
      assert.equal(judgeLife(claimed, known, false), 'rolled-back');
      assert.equal(judgeLife(claimed, known, true), 'id-in-use', 'the known life is at work');
    }
  });

  test('is described with both numbers', () => {
    assert.equal(describeLife(known), 'incarnation 7 (life 1f3a09bc)');
    assert.equal(describeLife({ incarnation: 1, life: 10 }), 'incarnation 1 (life 0000000a)');
  });
});
