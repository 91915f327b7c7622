import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { planWithCheckpoint, planWithoutCheckpoint } from './recovery-plan.ts';
import { parseSegmentName, segmentFileName, segmentPath, type SegmentName } from './segment-name.ts';

/** `3` is a segment as written, `2-4.3` the third generation of a range. */
function names(text: string): SegmentName[] {
  return text
    .split(' ')
    .filter((word) => word !== '')
    .map((word) => {
      const [range = '', generation = '1'] = word.split('.');
      const [first = '', last = first] = range.split('-');
      return { firstId: Number(first), lastId: Number(last), generation: Number(generation) };
    });
}

function texts(list: readonly SegmentName[] | undefined): string | undefined {
  return list?.map((name) => `${name.firstId}-${name.lastId}.${name.generation}`).join(' ');
}

describe('recovery without a checkpoint', () => {
  test('keeps all segments, in log order', () => {
    const plan = planWithoutCheckpoint(names('3 1 2'));
    assert.equal(texts(plan.keep), '1-1.1 2-2.1 3-3.1');
    assert.equal(texts(plan.remove), '');
  });

  test('takes the higher generation of a range, and removes what it replaced', () => {
    const plan = planWithoutCheckpoint(names('1 2 3 2-3.2 4'));
    assert.equal(texts(plan.keep), '1-1.1 2-3.2 4-4.1');
    assert.equal(texts(plan.remove), '2-2.1 3-3.1');
  });

  test('takes the result of a compaction of results', () => {
    const plan = planWithoutCheckpoint(names('1-2.2 3 4 3-4.2 1-4.3'));
    assert.equal(texts(plan.keep), '1-4.3');
    assert.equal(texts(plan.remove), '1-2.2 3-4.2 3-3.1 4-4.1');
  });
});

describe('recovery with a checkpoint', () => {
  test('takes exactly the files it names and those after them', () => {
    const plan = planWithCheckpoint(names('1 2 3 4'), names('1 2'));
    assert.equal(texts(plan?.keep), '1-1.1 2-2.1 3-3.1 4-4.1');
  });

  test('removes the result of a compaction that it does not know', () => {
    const plan = planWithCheckpoint(names('1 2 3 1-2.2 2-3.2'), names('1 2'));
    assert.equal(texts(plan?.keep), '1-1.1 2-2.1 3-3.1');
    assert.equal(texts(plan?.remove), '1-2.2 2-3.2');
  });

  test('removes what a compaction that it knows has replaced', () => {
    const plan = planWithCheckpoint(names('1 2 1-2.2 3'), names('1-2.2'));
    assert.equal(texts(plan?.keep), '1-2.2 3-3.1');
    assert.equal(texts(plan?.remove), '1-1.1 2-2.1');
  });

  test('is not possible when a file that it names is gone', () => {
    assert.equal(planWithCheckpoint(names('1 3'), names('1 2')), undefined);
    assert.equal(planWithCheckpoint(names('1-2.2'), names('1 2')), undefined);
  });
});

describe('names of segments', () => {
  test('say range and generation, and sort as text', () => {
    const name = { firstId: 7, lastId: 12, generation: 3 };
    assert.equal(segmentPath(name), 'log/00000007-00000012.3.seg');
    assert.deepEqual(parseSegmentName(segmentFileName(name)), name);
  });

  test('of other files are not taken for segments', () => {
    const others = ['00000002-00000001.1.seg', '1-1.1.seg', '00000001-00000001.1.seg.tmp', 'x.seg', ''];
    for (const other of others) assert.equal(parseSegmentName(other), undefined);
  });
});
