/**
 * Mutual TLS between nodes: what a connection must show before the handshake of `handshake.ts` may open it.
 *
 * Both ends show a certificate. It must have been signed by an authority of the node's `ca` file, and must name the node that
 * the hello claims (`peer-certificate.ts`): whoever has the key of n3 is n3 and nobody else. A connection whose
 * certificate does not do goes as far as its first hello, and is then told why, in the words that the operators of
 * both nodes find in their logs. Whoever dials speaks only once the other end has shown a good certificate.
 *
 * The first byte of a TLS connection is its record type, which is neither that of a plain peer nor of any client. A
 * stranger gets as long as for the plain handshake, and half-done ones are bounded: the oldest goes first, so that
 * whoever opens many and stays silent does not keep peers out.
 */

import type { Socket } from 'node:net';
import { connect, createServer, type Server, type TLSSocket } from 'node:tls';
import type { NodeId } from '../core/config.ts';
import { limits } from '../core/limits.ts';
import type { CancelTimer, Clock } from '../ports/clock.ts';
import type { Refusal } from './handshake-codec.ts';
import { acceptPlainly, dialPlainly, type PeerAddress, type PeerChannel } from './peer-channel.ts';
import { namesIn, namesWanted, speaksFor } from './peer-certificate.ts';
import type { Credentials, PeerCredentials } from './peer-credentials.ts';
import { describeSocketError } from './socket-error.ts';
import { describeCertificateError, isNoTls } from './tls-error.ts';

/** `optional` also lets plain connections be, in both directions: for the time in which a cluster is changed over. */
export type PeerTlsMode = 'required' | 'optional';

export interface PeerTlsOptions {
  readonly self: NodeId;
  readonly mode: PeerTlsMode;
  readonly credentials: PeerCredentials;
  /** What the certificate of a node may call it. */
  readonly names: (id: NodeId) => readonly string[];
  readonly clock: Clock;
  /** `limits.handshakeTimeoutMs` unless told. */
  readonly handshakeTimeoutMs?: number;
}

/** Gets what `accept` took. */
export interface PeerTlsAcceptor {
  readonly onChannel: (channel: PeerChannel) => void;
  /** A connection ended before it was a channel. `address`: whose it was. */
  readonly onFailed: (address: string, reason: string) => void;
}

/** Type of the first record of every TLS connection: a handshake. */
export const tlsFirstByte = 0x16;

export class PeerTls {
  readonly mode: PeerTlsMode;
  readonly #options: PeerTlsOptions;
  /** Does the handshakes of connections that others accepted; it never listens. Made for the credentials beside it. */
  #server: { readonly server: Server; readonly credentials: Credentials } | undefined;
  /** Connections whose TLS handshake is not complete, by what tells one from another; the oldest first. */
  readonly #halfway = new Map<string, { readonly raw: Socket; readonly cancelTimer: CancelTimer }>();
  /** Peers that have just answered without TLS, where that is optional. */
  readonly #withoutTls = new Set<NodeId>();
  #acceptor: PeerTlsAcceptor | undefined;

  constructor(options: PeerTlsOptions) {
    this.#options = options;
    this.mode = options.mode;
  }

  /** Accepts from now on. */
  start(acceptor: PeerTlsAcceptor): void {
    this.#acceptor = acceptor;
  }

  /** Ends what is not a channel yet, and accepts no more. */
  stop(): void {
    this.#acceptor = undefined;
    for (const { raw } of this.#halfway.values()) raw.destroy();
  }

  get certificateExpiresMs(): number {
    return this.#options.credentials.current().expiresMs;
  }

  /** Dials; plainly only where TLS is optional and the attempt before has found that the other end has none. */
  dial(address: PeerAddress): PeerChannel {
    if (this.#withoutTls.delete(address.id)) return dialPlainly(address);
    const socket = connect({
      host: address.host,
      port: address.port,
      secureContext: this.#options.credentials.current().context,
      minVersion: 'TLSv1.3',
      rejectUnauthorized: true,
      // Whom the certificate names is judged by `judge`, so that both ends hear of it.
      checkServerIdentity: () => undefined,
    });
    if (this.mode === 'optional') {
      socket.once('error', (error) => void (isNoTls(error) && this.#withoutTls.add(address.id)));
    }
    socket.once('connect', () => {
      socket.setNoDelay(true).setKeepAlive(true, limits.keepAliveProbeAfterMs);
    });
    return { socket, readyEvent: 'secureConnect', judge: (id) => this.#judge(socket, id) };
  }

  /** A plain connection that a peer made: it is told that it must not be one, unless TLS is optional. */
  acceptPlain(socket: Socket): PeerChannel {
    const channel = acceptPlainly(socket);
    return this.mode === 'optional' ? channel : { ...channel, judge: (id) => this.#refusePlain(id) };
  }

  /** Takes over a connection that starts with `tlsFirstByte`. Nothing was read from it yet. */
  accept(raw: Socket): void {
    const { remoteAddress } = raw;
    if (this.#acceptor === undefined || remoteAddress === undefined) {
      raw.destroy();
      return;
    }
    const name = nameOf(raw);
    const timeoutMs = this.#options.handshakeTimeoutMs ?? limits.handshakeTimeoutMs;
    const fail = (reason: string): void => {
      if (!this.#forget(name)) return;
      this.#acceptor?.onFailed(remoteAddress, reason);
      raw.destroy();
    };
    const cancelTimer = this.#options.clock.startTimer(timeoutMs, () =>
      fail(`the TLS handshake was not complete within ${timeoutMs} ms`),
    );
    this.#halfway.set(name, { raw, cancelTimer });
    raw.on('error', () => raw.destroy());
    raw.once('close', () => fail('the connection was closed during the TLS handshake'));
    this.#boundHalfway();
    this.#serverNow().emit('connection', raw);
  }

  #forget(name: string): boolean {
    this.#halfway.get(name)?.cancelTimer();
    return this.#halfway.delete(name);
  }

  #boundHalfway(): void {
    if (this.#halfway.size <= limits.peerHandshakesMax) return;
    const [oldest] = this.#halfway;
    if (oldest === undefined) return;
    const [name, { raw }] = oldest;
    this.#forget(name);
    raw.destroy();
  }

  #serverNow(): Server {
    const credentials = this.#options.credentials.current();
    if (this.#server === undefined) {
      // A certificate that is no good is refused by `judge`, which can say so to the other end.
      const server = createServer({ ...credentials.tls, requestCert: true, rejectUnauthorized: false });
      server.on('secureConnection', (socket) => this.#onSecure(socket));
      server.on('tlsClientError', (error, socket) => this.#onFailed(error, socket));
      this.#server = { server, credentials };
    } else if (this.#server.credentials !== credentials) {
      this.#server.server.setSecureContext(credentials.tls);
      this.#server = { server: this.#server.server, credentials };
    }
    return this.#server.server;
  }

  #onSecure(socket: TLSSocket): void {
    if (!this.#forget(nameOf(socket)) || this.#acceptor === undefined) {
      socket.destroy();
      return;
    }
    this.#acceptor.onChannel({ socket, readyEvent: undefined, judge: (id) => this.#judge(socket, id) });
  }

  #onFailed(error: Error, socket: TLSSocket): void {
    const { remoteAddress } = socket;
    socket.destroy();
    if (remoteAddress === undefined || !this.#forget(nameOf(socket))) return;
    this.#acceptor?.onFailed(remoteAddress, describeSocketError(error));
  }

  /** Whether the certificate that the other end has shown is good, and is that of this node. */
  #judge(socket: TLSSocket, id: NodeId): Refusal | undefined {
    const { self, names } = this.#options;
    const certificate = socket.getPeerX509Certificate();
    if (certificate === undefined) {
      return { code: 'CERTIFICATE_REFUSED', message: `${id} shows ${self} no certificate` };
    }
    if (!socket.authorized) {
      const reason = describeCertificateError(String(socket.authorizationError));
      return { code: 'CERTIFICATE_REFUSED', message: `${self} refuses the certificate of ${id}: ${reason}` };
    }
    const wanted = names(id);
    if (speaksFor(certificate, wanted)) return undefined;
    const message = `the certificate that ${id} shows ${self} names ${namesIn(certificate)}: it must have ${namesWanted(wanted)}`;
    return { code: 'CERTIFICATE_REFUSED', message };
  }

  #refusePlain(id: NodeId): Refusal {
    const { self } = this.#options;
    const message = `${self} speaks with peers by TLS only, and ${id} came without: give it peerTls too`;
    return { code: 'TLS_REQUIRED', message };
  }
}

/** Two connections that are open at once differ in it. */
function nameOf({ remoteAddress, remotePort, localAddress, localPort }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`;
}
