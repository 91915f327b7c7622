/** Lines with which an operator is told the truth, and with which what rots is found and healed. */

import type { Mutation } from './mutation.ts';

export const operatorMutations: readonly Mutation[] = [
  {
    name: 'scrub-by-itself',
    promise: 'what rots where nobody reads is found without anybody asking',
    file: 'src/replica/node-operator.ts',
    find: 'this.#scrubs.start();',
    replace: '',
    tests: ['src/sim/scrub.test.ts'],
  },
  {
    name: 'one-scrub-at-a-time',
    promise: 'a second scrub does not hide how the first one goes',
    file: 'src/replica/scrub-loop.ts',
    find: `if (this.#newest?.state === 'running') {`,
    replace: 'if (this.#completed < 0) {',
    tests: ['src/replica/scrub-loop.test.ts'],
  },
  {
    name: 'one-job-at-a-time',
    promise: 'a second repair is refused while one is under way',
    file: 'src/frontends/maintenance-job.ts',
    find: `if (this.#state === 'running') {`,
    replace: 'if (this.#number < 0) {',
    tests: ['src/frontends/operator-routes.test.ts'],
  },
  {
    name: 'arrival-of-what-changed',
    promise: 'why tells how a version came first, not who brought it again',
    file: 'src/replica/replica.ts',
    find: 'if (changed) this.noteArrival(record, origin, wallMs);',
    replace: 'this.noteArrival(record, origin, wallMs);',
    tests: ['src/replica/request-handler.test.ts'],
  },
  {
    name: 'arrival-of-this-very-version',
    promise: 'the way of one version is not told of another',
    file: 'src/replica/arrival-memory.ts',
    find: 'noted.checksum !== checksum',
    replace: 'false',
    tests: ['src/replica/arrival-memory.test.ts'],
  },
  {
    name: 'level-needs-every-owner',
    promise: 'a key is called level only if every owner has said that it can read what it holds',
    file: 'src/replica/key-trace.ts',
    find: 'if (answer === undefined || answer.failure !== undefined) return false;',
    replace: 'if (answer === undefined) return true;',
    tests: ['src/replica/key-trace.test.ts'],
  },
];
