/** Lines at the edges: the real disk, the wire between nodes, and what strangers send. */

import type { Mutation } from './mutation.ts';

export const edgeMutations: readonly Mutation[] = [
  {
    name: 'lock-refuses-a-second-process',
    promise: 'two processes never use one data directory',
    file: 'src/platform/directory-lock.ts',
    find: 'if (await holds(holder, own, path, options.staleAfterMs ?? limits.lockStaleAfterMs)) {',
    replace: 'if (holder.pid < 0) {',
    tests: ['src/platform/directory-lock.test.ts'],
  },
  {
    name: 'failed-sync-stays-failed',
    promise: 'a file whose sync failed does not claim success later, when the kernel has forgotten',
    file: 'src/platform/open-file.ts',
    find: 'if (this.#syncFailure !== undefined) throw this.#syncFailure;',
    replace: '',
    tests: ['src/platform/file-disk.test.ts'],
  },
  {
    name: 'short-write-completed',
    promise: 'a write that the system took only in part is completed',
    file: 'src/platform/write-fully.ts',
    find: 'while (restBytes > 0) {',
    replace: 'if (restBytes > 0) {',
    tests: ['src/platform/write-fully.test.ts'],
  },
  {
    name: 'frame-cap-before-allocation',
    promise: 'the length of a frame is checked before anything is allocated for it',
    file: 'src/platform/frame-reader.ts',
    find: `const length = readUint32(chunk, offset);
        if (length === 0 || length > this.#frameBytesMax) return this.#refusal(length);`,
    replace: 'const length = readUint32(chunk, offset);',
    tests: ['src/platform/frame-reader.test.ts'],
  },
  {
    name: 'split-frame-cap-before-allocation',
    promise: 'so is a length that arrives in pieces',
    file: 'src/platform/frame-reader.ts',
    find: `const length = readUint32(this.#prefix, 0);
        if (length === 0 || length > this.#frameBytesMax) return this.#refusal(length);`,
    replace: 'const length = readUint32(this.#prefix, 0);',
    tests: ['src/platform/frame-reader.test.ts'],
  },
  {
    name: 'fingerprint-mismatch-refused',
    promise: 'nodes that place keys differently do not talk',
    file: 'src/platform/handshake-rules.ts',
    find: 'if (hello.epoch !== own.epoch || hello.fingerprint !== own.fingerprint) {',
    replace: 'if (hello.epoch !== own.epoch) {',
    tests: ['src/platform/handshake.test.ts'],
  },
  {
    name: 'past-incarnation-refused',
    promise: 'a connection of a past life of a node is refused',
    file: 'src/platform/handshake-rules.ts',
    find: 'if (newest !== undefined && hello.incarnation < newest) {',
    replace: 'if (newest !== undefined && hello.incarnation < 0) {',
    tests: ['src/platform/handshake.test.ts'],
  },
  {
    name: 'wrong-cluster-refused',
    promise: 'nodes of different clusters do not talk',
    file: 'src/platform/handshake-rules.ts',
    find: 'if (hello.clusterName !== own.clusterName) {',
    replace: 'if (hello.clusterName === undefined) {',
    tests: ['src/platform/handshake.test.ts'],
  },
  {
    name: 'body-limit',
    promise: 'a chunked body is refused at the limit, while it comes',
    file: 'src/frontends/body-reader.ts',
    find: 'if (length > this.#limits.bodyBytesMax) return this.fail(tooLarge(this.#limits.bodyBytesMax));',
    replace: '',
    tests: ['src/frontends/body-reader.test.ts'],
  },
  {
    name: 'body-budget',
    promise: 'bodies of all connections together have a bound',
    file: 'src/frontends/body-reader.ts',
    find: 'if (this.#load.bodyBytes + bytes > this.#limits.bodyBytesInFlightMax) return false;',
    replace: '',
    tests: ['src/frontends/body-reader.test.ts'],
  },
  {
    name: 'record-lengths-checked',
    promise: 'lengths inside a record are checked before they are used',
    file: 'src/core/record.ts',
    find: 'if (actorLength === 0 || valueOffset + valueLength !== bytes.length) {',
    replace: 'if (actorLength === 0) {',
    tests: ['src/core/record.test.ts'],
  },
];
