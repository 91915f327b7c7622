/** Lines that keep strangers, and nodes with somebody else's certificate, out of a cluster that speaks TLS. */

import type { Mutation } from './mutation.ts';

const hostile = 'src/platform/peer-tls.test.ts';

export const peerTlsMutations: readonly Mutation[] = [
  {
    name: 'tls-certificate-asked-for',
    promise: 'whoever connects by TLS is asked for a certificate',
    file: 'src/platform/peer-tls.ts',
    find: 'requestCert: true, rejectUnauthorized: false',
    replace: 'requestCert: false, rejectUnauthorized: false',
    tests: [hostile],
  },
  {
    name: 'tls-certificate-believed-when-signed',
    promise: 'a certificate that is by another authority, or has expired, opens no connection',
    file: 'src/platform/peer-tls.ts',
    find: 'if (!socket.authorized) {',
    replace: 'if (socket.destroyed) {',
    tests: [hostile],
  },
  {
    name: 'tls-certificate-names-the-node',
    promise: 'a node with a good certificate is not taken for another node',
    file: 'src/platform/peer-tls.ts',
    find: 'if (speaksFor(certificate, wanted)) return undefined;',
    replace: 'if (wanted.length > 0) return undefined;',
    tests: [hostile],
  },
  {
    name: 'tls-no-wildcard',
    promise: 'one certificate for all nodes speaks for none of them',
    file: 'src/platform/peer-certificate.ts',
    find: 'wildcards: false',
    replace: 'wildcards: true',
    tests: ['src/platform/peer-certificate.test.ts', hostile],
  },
  {
    name: 'tls-shared-host-names-nobody',
    promise: 'a host that several nodes share does not tell them apart',
    file: 'src/platform/peer-certificate.ts',
    find: 'machinesOf.get(host)?.size === 1',
    replace: 'machinesOf.has(host)',
    tests: ['src/platform/peer-certificate.test.ts'],
  },
  {
    name: 'tls-plain-peer-refused',
    promise: 'where TLS is required nobody is a peer without it',
    file: 'src/platform/peer-tls.ts',
    find: "return this.mode === 'optional' ? channel : {",
    replace: "return this.mode !== 'optional' ? channel : {",
    tests: [hostile],
  },
  {
    name: 'tls-channel-judged-first',
    promise: 'what the connection shows of its other end is judged at both ends before it opens',
    file: 'src/platform/handshake-rules.ts',
    find: 'if (refusedChannel !== undefined) return refusedChannel;',
    replace: '',
    tests: [hostile],
  },
  {
    name: 'tls-dialler-checks-the-certificate',
    promise: 'nothing is said to an end that has shown no good certificate',
    file: 'src/platform/peer-tls.ts',
    find: 'rejectUnauthorized: true,',
    replace: 'rejectUnauthorized: false,',
    tests: [hostile],
  },
  {
    name: 'tls-dialler-waits-for-the-certificate',
    promise: 'a node speaks on a connection only when the other end has shown its certificate',
    file: 'src/platform/peer-tls.ts',
    find: "readyEvent: 'secureConnect',",
    replace: 'readyEvent: undefined,',
    tests: [hostile],
  },
  {
    name: 'tls-required-is-never-left',
    promise: 'a node that requires TLS does not try without it, whatever it is answered',
    file: 'src/platform/peer-tls.ts',
    find: `if (this.mode === 'optional') {
      socket`,
    replace: `{
      socket`,
    tests: [hostile],
  },
  {
    name: 'tls-handshake-timeout',
    promise: 'half a TLS handshake does not last',
    file: 'src/platform/peer-tls.ts',
    find: 'const cancelTimer = this.#options.clock.startTimer(timeoutMs, () =>',
    replace: 'const cancelTimer = this.#options.clock.startTimer(timeoutMs * 1_000, () =>',
    tests: [hostile],
  },
  {
    name: 'tls-handshakes-bounded',
    promise: 'TLS handshakes that were begun and left have a bound',
    file: 'src/platform/peer-tls.ts',
    find: 'if (this.#halfway.size <= limits.peerHandshakesMax) return;',
    replace: 'if (this.#halfway.size > 0) return;',
    tests: [hostile],
  },
  {
    name: 'tls-bad-files-not-used',
    promise: 'new files that are no good do not replace a certificate that is',
    file: 'src/platform/peer-credentials.ts',
    find: 'if (problems.length > 0) throw refusal(problems);',
    replace: '',
    tests: ['src/platform/peer-credentials.test.ts'],
  },
  {
    name: 'peer-slab-not-reused-early',
    promise: 'frames that are not with the kernel yet are not overwritten',
    file: 'src/platform/outbound-queue.ts',
    find: 'if (this.#socket.writableLength === 0) this.#start = this.#end = 0;',
    replace: 'this.#start = this.#end = 0;',
    tests: ['src/platform/outbound-queue.test.ts'],
  },
];
