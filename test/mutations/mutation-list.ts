/** All mutations, in the order of docs/mutations.md. */

import { edgeMutations } from './edge-mutations.ts';
import { floorMutations } from './floor-mutations.ts';
import { healingMutations } from './healing-mutations.ts';
import type { Mutation } from './mutation.ts';
import { logTailMutations } from './log-tail-mutations.ts';
import { operatorMutations } from './operator-mutations.ts';
import { overloadMutations } from './overload-mutations.ts';
import { peerTlsMutations } from './peer-tls-mutations.ts';
import { redisMutations } from './redis-mutations.ts';
import { replicaMutations } from './replica-mutations.ts';
import { storageMutations } from './storage-mutations.ts';
import { togetherMutations } from './together-mutations.ts';
import { workerMutations } from './worker-mutations.ts';

export const mutations: readonly Mutation[] = [
  ...replicaMutations,
  ...healingMutations,
  ...floorMutations,
  ...operatorMutations,
  ...storageMutations,
  ...logTailMutations,
  ...edgeMutations,
  ...peerTlsMutations,
  ...redisMutations,
  ...togetherMutations,
  ...workerMutations,
  ...overloadMutations,
];
