/** Lines of the straight way that requests which come together take: where it must not be taken. */

import type { Mutation } from './mutation.ts';

const together = 'src/replica/many-requests.test.ts';

export const togetherMutations: readonly Mutation[] = [
  {
    name: 'refusal-of-many-names-its-record',
    promise: 'of many records the one that was refused is named, whichever refused it',
    file: 'src/replica/replica.ts',
    find: 'index: indexes[refusal.index] ?? refusal.index',
    replace: 'index: refusal.index',
    tests: ['src/replica/replica-many.test.ts'],
  },
  {
    name: 'together-waits-for-w',
    promise: 'a write that came with others is acknowledged by W durable holders, not by the first',
    file: 'src/replica/coordinate-write-many.ts',
    find: 'if (acknowledged !== this.#options.w || write === undefined) continue;',
    replace: 'if (acknowledged !== 1 || write === undefined) continue;',
    tests: [together],
  },
  {
    name: 'together-refusal-is-no-acknowledgement',
    promise: 'an owner that refuses one of many records has acknowledged the others only',
    file: 'src/replica/coordinate-write-many.ts',
    find: 'if (refused?.has(index) === true) continue;',
    replace: '',
    tests: [together],
  },
  {
    name: 'together-all-durable',
    promise: 'records that are merged at once are told as durable when all of them are',
    file: 'src/storage/merge-group.ts',
    find: 'if (--this.#undecided === 0) this.#resolve(this.#outcomes);',
    replace: 'this.#resolve(this.#outcomes);',
    tests: ['src/storage/log-store-contract.test.ts'],
  },
  {
    name: 'together-hints',
    promise: 'an owner that misses many writes at once gets a hint for each',
    file: 'src/replica/coordinate-write-many.ts',
    find: 'this.#takeOver(index)?.onResult(owner, result);',
    replace: 'this.#holders[index] ??= 0;',
    tests: [together],
  },
  {
    name: 'together-differing-replicas',
    promise: 'a read that came with others is not answered from one replica when another differs',
    file: 'src/replica/coordinate-read-many.ts',
    find: 'else if (!areSame(state.version, version)) return false;',
    replace: '',
    tests: [together],
  },
  {
    name: 'together-evidence',
    promise: 'what a replica that is no witness says counts for no read that came with others',
    file: 'src/replica/coordinate-read-many.ts',
    find: "if (answer.kind === 'refused' || !answer.evidence) return false;",
    replace: "if (answer.kind === 'refused') return false;",
    tests: [together],
  },
  {
    name: 'together-owners-share-a-message',
    promise:
      'requests whose keys have the same owners share a message, whichever of them their partitions prefer',
    file: 'src/replica/request-groups.ts',
    find: 'this.#members.filter((member) => preferred.includes(member))',
    replace: 'preferred',
    tests: ['src/replica/request-groups.test.ts'],
  },
  {
    name: 'together-owners-take-turns',
    promise: 'reads that come together are spread over the owners that answer equally well',
    file: 'src/replica/request-groups.ts',
    find: 'route.orders[route.turn]',
    replace: 'route.orders[0]',
    tests: ['src/replica/request-groups.test.ts'],
  },
];
