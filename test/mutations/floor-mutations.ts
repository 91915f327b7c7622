/** Lines of the node that keep the stability floor below all that may still come, and deletes away. */

import type { Mutation } from './mutation.ts';

export const floorMutations: readonly Mutation[] = [
  {
    name: 'past-version-not-shown',
    promise: 'a version that an owner refuses as past is not shown',
    file: 'src/replica/coordinate-read.ts',
    find: '    if (isPast) {',
    replace: '    if (isPast && this.#looks < 0) {',
    tests: ['src/replica/stability-floor.test.ts'],
  },
  {
    name: 'strays-dropped-after-refill',
    promise: 'what only an old disk has from below the floor is dropped when its node is refilled',
    file: 'src/replica/healing-session.ts',
    find: 'await this.#dropStrays(partition, theirs);',
    replace: '',
    tests: ['src/replica/stability-floor.test.ts'],
  },
  {
    name: 'late-hint-refused',
    promise: 'no new hint is taken from the time that was promised away',
    file: 'src/replica/replica.ts',
    find: 'if (hintFor !== undefined) this.#checkPromise(record);',
    replace: '',
    tests: ['src/replica/replica-promise.test.ts'],
  },
  {
    name: 'late-write-refused',
    promise: 'nor is a new write',
    file: 'src/replica/replica.ts',
    find: `      this.#checkPromise(record);
      return;`,
    replace: '      return;',
    tests: ['src/replica/replica-promise.test.ts'],
  },
  {
    name: 'incomplete-owner-blocks-floor',
    promise: 'an owner that has lost something does not agree to a floor',
    file: 'src/core/floor-decision.ts',
    find: 'if (!state.isComplete)',
    replace: 'if (!state.isComplete && state.sum.count < 0)',
    tests: ['src/core/floor-decision.test.ts'],
  },
  {
    name: 'silent-member-blocks-floor',
    promise: 'no floor rises while any member is silent',
    file: 'src/core/floor-decision.ts',
    find: '    if (answer.promiseMs === undefined) {',
    replace: '    if (answer.promiseMs === undefined && answer.silentMs === -1) {',
    tests: ['src/core/floor-decision.test.ts'],
  },
  {
    name: 'floor-below-oldest-hint',
    promise: 'a floor stays below the oldest hint that anybody keeps',
    file: 'src/core/floor-decision.ts',
    find: 'oldestHint.wallMs - 1 < floorMs',
    replace: 'oldestHint.wallMs - 1 < -floorMs',
    tests: ['src/core/floor-decision.test.ts'],
  },
  {
    name: 'promise-below-writes-under-way',
    promise: 'a promise stays below every write that is under way',
    file: 'src/replica/write-promise.ts',
    find: 'Math.min(nowMs - this.#lagMs, oldestMs - 1)',
    replace: 'nowMs - this.#lagMs',
    tests: ['src/replica/write-promise.test.ts'],
  },
  {
    name: 'promise-kept-over-restart',
    promise: 'a promise is kept by the next life',
    file: 'src/replica/write-promise.ts',
    find: 'Math.max(0, formerMs, options',
    replace: 'Math.max(0, options',
    tests: ['src/replica/write-promise.test.ts'],
  },
  {
    name: 'refill-takes-what-is-below',
    promise: 'a node that is refilled takes what it lacks from below the floor',
    file: 'src/replica/stability-floor.ts',
    find: 'store.setRefill(partition, !evidence.isComplete(partition))',
    replace: 'store.setRefill(partition, false)',
    tests: ['src/replica/stability-floor.test.ts'],
  },
];
