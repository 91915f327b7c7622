/** Lines that keep copies on different machines, and the workers of a node together. */

import type { Mutation } from './mutation.ts';

export const workerMutations: readonly Mutation[] = [
  {
    name: 'workers-machine-is-zone',
    promise: 'two workers of one machine do not hold two copies of a key where there are enough machines',
    file: 'src/cli/worker-members.ts',
    find: `const zone = entry.zone ?? (machinesAreZones ? entry.id : '');`,
    replace: `const zone = entry.zone ?? '';`,
    tests: ['src/cli/worker-members.test.ts'],
  },
  {
    name: 'workers-hint-on-another-machine',
    promise: 'the hint for an owner is not kept on the machine of another copy where there is one without',
    file: 'src/replica/routing.ts',
    find: '!taken.has(zones.get(fallback))',
    replace: 'true',
    tests: ['src/replica/routing.test.ts'],
  },
  {
    name: 'workers-read-where-hints-are',
    promise: 'a read asks the very nodes that a write has given hints to',
    file: 'src/replica/routing.ts',
    find: 'targets.push(fallback);\n    asked.add(fallback);',
    replace: 'targets.push(fallback);',
    tests: ['src/replica/routing.test.ts'],
  },
  {
    name: 'workers-not-left-behind',
    promise: 'a node does not start without a worker that has records',
    file: 'src/cli/worker-folders.ts',
    find: 'worker > workers &&',
    replace: 'worker < 0 &&',
    tests: ['src/cli/worker-folders.test.ts'],
  },
  {
    name: 'workers-fixed-without-copies',
    promise: 'no worker is added that would deny keys which lie elsewhere',
    file: 'src/cli/worker-folders.ts',
    find: 'if (before >= workers) return;',
    replace: 'if (before >= 0) return;',
    tests: ['src/cli/worker-folders.test.ts'],
  },
  {
    name: 'workers-started-again',
    promise: 'a worker that ends is started again',
    file: 'src/cli/worker-supervisor.ts',
    find: 'this.#restartLater(slot, end);\n  }',
    replace: '}',
    tests: ['src/cli/worker-supervisor.test.ts'],
  },
  {
    name: 'workers-not-restarted-in-a-circle',
    promise: 'a worker that cannot live is not started in a busy loop',
    file: 'src/cli/worker-supervisor.ts',
    find: 'livedMs >= limits.workerStableMs ? 0 : slot.failures + 1',
    replace: '0',
    tests: ['src/cli/worker-supervisor.test.ts'],
  },
  {
    name: 'workers-end-with-their-node',
    promise: 'no worker outlives the process that started it',
    file: 'src/cli/worker-channel.ts',
    find: `process.on('disconnect', events.onOrphaned);`,
    replace: '',
    tests: ['test/e2e/workers.test.ts'],
  },
  {
    name: 'workers-port-of-nobody-else',
    promise: 'workers do not share their port with those of another node',
    file: 'src/cli/serve-workers.ts',
    find: 'await refuseTakenPort(sharedListen);',
    replace: '',
    tests: ['test/e2e/workers.test.ts'],
  },
];
