/**
 * The certificate with which a node shows its peers who it is, the key to it, and the authorities that it believes.
 *
 * They are files, and replacing the files is how they are renewed: when a connection is made, and at most every few
 * seconds, the files are looked at, and read again if they have changed. New files that are no good are reported and
 * the old ones stay in use, since half-copied files are the rule while somebody replaces three of them. Open
 * connections keep what they were made with.
 */

import { readFileSync, statSync } from 'node:fs';
import { constants, X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls';
import { errorMessageOf, StoreError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { Clock } from '../ports/clock.ts';
import type { Observer } from '../ports/observer.ts';
import { credentialProblems, expiryOf, type CredentialTexts } from './peer-certificate.ts';

/** Paths of PEM files. */
export interface CredentialFiles {
  /** Certificates of the authorities whose signature makes a peer one. */
  readonly ca: string;
  /** The node's own certificate, and behind it those of authorities that lie between it and `ca`. */
  readonly cert: string;
  readonly key: string;
}

export interface PeerCredentialsOptions {
  readonly files: CredentialFiles;
  /** What the node's own certificate may call it. */
  readonly names: readonly string[];
  readonly clock: Clock;
  readonly observer: Observer;
}

/** Good files as they were read at one time. */
export interface Credentials {
  /** For both ends of a connection. */
  readonly tls: SecureContextOptions;
  readonly context: SecureContext;
  /** Wall time after which peers refuse the certificate. */
  readonly expiresMs: number;
}

export class PeerCredentials {
  readonly #options: PeerCredentialsOptions;
  #current: Credentials;
  /** What the files looked like when they were last read. */
  #stamp: string;
  #lookedMs: number;

  /** Reads the files. Throws `CONFIG_INVALID` with all that is wrong with them. */
  constructor(options: PeerCredentialsOptions) {
    this.#options = options;
    this.#lookedMs = options.clock.monotonicNow();
    // The stamp first: files that change in between are then read once more, not missed.
    this.#stamp = stampOf(options.files);
    this.#current = readCredentials(options);
  }

  /** What a connection that is made now uses. */
  current(): Credentials {
    const { clock, observer } = this.#options;
    const now = clock.monotonicNow();
    if (now - this.#lookedMs < limits.peerCertificateCheckMs) return this.#current;
    this.#lookedMs = now;
    const stamp = stampOf(this.#options.files);
    if (stamp === this.#stamp) return this.#current;
    this.#stamp = stamp;
    try {
      this.#current = readCredentials(this.#options);
      const until = new Date(this.#current.expiresMs).toISOString();
      observer.log(
        'info',
        'peer-tls.reloaded',
        `new connections use the new certificate, valid until ${until}`,
      );
    } catch (error) {
      observer.count('peer-tls.not-reloaded');
      const reasons = errorMessageOf(error).replaceAll('\n', '; ');
      observer.log('error', 'peer-tls.not-reloaded', `the files have changed and are not used: ${reasons}`);
    }
    return this.#current;
  }
}

function readCredentials({ files, names, clock }: PeerCredentialsOptions): Credentials {
  const problems: string[] = [];
  const read = (path: string): string => {
    try {
      const { size } = statSync(path);
      if (size > limits.peerCertificateFileBytesMax) {
        throw new Error(
          `it has ${size} bytes, and at most ${limits.peerCertificateFileBytesMax} are allowed`,
        );
      }
      return readFileSync(path, 'utf8');
    } catch (error) {
      problems.push(`${path} cannot be read: ${errorMessageOf(error)}`);
      return '';
    }
  };
  const texts: CredentialTexts = { ca: read(files.ca), cert: read(files.cert), key: read(files.key) };
  if (problems.length === 0) {
    for (const { file, problem } of credentialProblems(texts, { names, nowMs: clock.wallNow() })) {
      problems.push(`${files[file]} ${problem}`);
    }
  }
  if (problems.length > 0) throw refusal(problems);
  try {
    const tls = { ...texts, ...rules };
    return { tls, context: createSecureContext(tls), expiresMs: expiryOf(new X509Certificate(texts.cert)) };
  } catch (error) {
    throw refusal([`${files.cert} and ${files.key} cannot be used: ${errorMessageOf(error)}`]);
  }
}

/**
 * Both ends are this program: nothing older than TLS 1.3, and the cipher that costs least first. A session is never resumed,
 * since that would let a peer in by a certificate that was shown earlier.
 */
const rules = {
  minVersion: 'TLSv1.3',
  maxVersion: 'TLSv1.3',
  ciphers: 'TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256',
  secureOptions: constants.SSL_OP_NO_TICKET,
} satisfies SecureContextOptions;

/** Changes when one of the files does, also when a link to it does. A file that is not there has one too. */
function stampOf({ ca, cert, key }: CredentialFiles): string {
  return [ca, cert, key]
    .map((path) => {
      try {
        const { dev, ino, size, mtimeMs } = statSync(path);
        return `${dev}:${ino}:${size}:${mtimeMs}`;
      } catch (error) {
        return errorMessageOf(error);
      }
    })
    .join(' ');
}

function refusal(problems: readonly string[]): StoreError {
  return new StoreError('CONFIG_INVALID', problems.map((problem) => `peerTls: ${problem}`).join('\n'));
}
