/** Lines of the end of the log in memory that keep it from handing out what is not there. */

import type { Mutation } from './mutation.ts';

export const logTailMutations: readonly Mutation[] = [
  {
    name: 'tail-knows-what-it-lost',
    promise: 'the end of the log in memory hands out nothing whose place other bytes have taken',
    file: 'src/storage/log-tail.ts',
    find: 'if (start < this.#end - this.#capacity) return false;',
    replace: '',
    tests: ['src/storage/log-tail.test.ts'],
  },
  {
    name: 'tail-knows-its-gaps',
    promise: 'what the end of the log in memory left out is read from the disk',
    file: 'src/storage/log-tail.ts',
    find: 'if (offset < segment.tailFrom || offset + target.length > segment.tailTo) return false;',
    replace: '',
    tests: ['src/storage/log-tail.test.ts'],
  },
  {
    name: 'damage-is-judged-by-the-disk',
    promise: 'memory does not vouch for what was found damaged on the disk',
    file: 'src/storage/log-reader.ts',
    find: 'this.#hasDamage ? undefined : this.#tail',
    replace: 'this.#tail',
    tests: ['src/storage/log-tail.test.ts'],
  },
  {
    name: 'memory-does-not-condemn-the-disk',
    promise: 'a damaged copy in memory is not taken for damage of the disk',
    file: 'src/storage/entry-reader.ts',
    find: 'tail?.read(place.segment, place.offset, bytes) === true && this.#isIntact(bytes)',
    replace: 'tail?.read(place.segment, place.offset, bytes) === true',
    tests: ['src/storage/log-tail.test.ts'],
  },
  {
    name: 'tail-begins-with-the-header',
    promise: 'the end of the log in memory has each entry where it lies in its file',
    file: 'src/storage/log-writer.ts',
    find: 'keep(segment, isFirst ? 0 : offset, chunks)',
    replace: 'keep(segment, offset, chunks)',
    tests: ['src/storage/log-tail.test.ts'],
  },
];
