/**
 * The handshake of one connection as a state machine without a socket: bytes in, bytes and an outcome out.
 *
 *   dialler                      acceptor
 *   preface, hello        →
 *                         ←      preface, hello     or preface, refusal
 *   welcome, frames …     →                         or refusal
 *                         ←      frames …
 *
 * Both ends judge the other's hello before they call the connection open, so neither ever sends a
 * frame to a node that would refuse it.
 */

import { StoreError } from '../core/errors.ts';
import type { PeerIdentity } from '../ports/transport.ts';
import {
  encodeHello,
  encodePreface,
  encodeRefusal,
  encodeWelcome,
  HandshakeReader,
  protocolVersion,
  type HandshakeMessage,
  type Hello,
  type Refusal,
} from './handshake-codec.ts';
import { judgeHello, type HandshakeContext } from './handshake-rules.ts';

export type HandshakeOutcome =
  | { readonly kind: 'open'; readonly peer: PeerIdentity; readonly rest: Uint8Array }
  /** This end refuses; the other has been told. */
  | { readonly kind: 'refused'; readonly refusal: Refusal; readonly peer: PeerIdentity | undefined }
  /** The other end refuses, in its own words. */
  | { readonly kind: 'refused-by-peer'; readonly refusal: Refusal };

export class Handshake {
  readonly #context: HandshakeContext;
  readonly #send: (bytes: Uint8Array) => void;
  readonly #reader = new HandshakeReader();
  #peer: Hello | undefined;
  #hasSentPreface = false;

  constructor(context: HandshakeContext, send: (bytes: Uint8Array) => void) {
    this.#context = context;
    this.#send = send;
  }

  /** Says hello if this end dialled; the other end waits until it is spoken to. */
  start(): void {
    if (this.#isDialler) this.#introduce();
  }

  /** Takes in what arrived. Undefined until the outcome is known; after that, not to be called again. */
  push(chunk: Uint8Array): HandshakeOutcome | undefined {
    try {
      this.#reader.push(chunk);
      for (let message = this.#reader.next(); message !== undefined; message = this.#reader.next()) {
        const outcome = this.#onMessage(message);
        if (outcome !== undefined) return outcome;
      }
      return undefined;
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      return this.#refuse({ code: 'PROTOCOL_INVALID', message: error.message });
    }
  }

  get #isDialler(): boolean {
    return this.#context.dialled !== undefined;
  }

  #onMessage(message: HandshakeMessage): HandshakeOutcome | undefined {
    switch (message.kind) {
      case 'preface':
        return message.version === protocolVersion ? undefined : this.#refuseVersion(message.version);
      case 'refusal':
        return { kind: 'refused-by-peer', refusal: message.refusal };
      case 'hello':
        return this.#peer === undefined ? this.#onHello(message.hello) : this.#refuseOrder('a second hello');
      case 'welcome':
        // Only the dialler says welcome, after it has heard the acceptor's hello.
        return this.#peer === undefined || this.#isDialler
          ? this.#refuseOrder('a welcome out of turn')
          : this.#opened(this.#peer);
    }
  }

  #onHello(hello: Hello): HandshakeOutcome | undefined {
    this.#peer = hello;
    const refusal = judgeHello(hello, this.#context);
    if (refusal !== undefined) return this.#refuse(refusal);
    if (!this.#isDialler) {
      this.#introduce();
      return undefined;
    }
    this.#say(encodeWelcome());
    return this.#opened(hello);
  }

  #opened(hello: Hello): HandshakeOutcome {
    return { kind: 'open', peer: identityOf(hello), rest: this.#reader.rest() };
  }

  #introduce(): void {
    this.#say(encodeHello(this.#context.own));
  }

  #refuseVersion(version: number): HandshakeOutcome {
    const { id } = this.#context.own;
    return this.#refuse({
      code: 'VERSION_UNSUPPORTED',
      message: `${id} speaks version ${protocolVersion} of the protocol, the other end version ${version}: run the same release on both`,
    });
  }

  #refuseOrder(what: string): HandshakeOutcome {
    return this.#refuse({ code: 'PROTOCOL_INVALID', message: `the other end sent ${what}` });
  }

  #refuse(refusal: Refusal): HandshakeOutcome {
    this.#say(encodeRefusal(refusal));
    return { kind: 'refused', refusal, peer: this.#peer === undefined ? undefined : identityOf(this.#peer) };
  }

  #say(message: Uint8Array): void {
    if (!this.#hasSentPreface) this.#send(encodePreface());
    this.#hasSentPreface = true;
    this.#send(message);
  }
}

function identityOf(hello: Hello): PeerIdentity {
  return { id: hello.id, incarnation: hello.incarnation };
}
