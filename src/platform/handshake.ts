/**
 * The handshake of one connection as a state machine without a socket: bytes in, bytes and an outcome out.
 *
 *   dialler                      acceptor
 *   preface, hello        →
 *                                (remembers the dialler's life)
 *                         ←      preface, hello     or preface, refusal
 *   (remembers the acceptor's life)
 *   welcome, frames …     →                         or refusal
 *                         ←      frames …
 *
 * Both ends judge the other's hello before they call the connection open, so neither ever sends a
 * frame to a node that would refuse it. Both have the other's life on disk by then: see `storage/known-peers.ts`
 * for why. While an end remembers, the other waits for it and says nothing.
 */

import { StoreError } from '../core/errors.ts';
import type { Introduction, PeerIdentity } from '../ports/transport.ts';
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
import { identityOf, introductionOf, judgeHello, type HandshakeContext } from './handshake-rules.ts';

export type HandshakeOutcome =
  | { readonly kind: 'open'; readonly peer: Introduction; readonly rest: Uint8Array }
  /** This end refuses; the other has been told. */
  | { readonly kind: 'refused'; readonly refusal: Refusal; readonly peer: PeerIdentity | undefined }
  /** The other end refuses, in its own words; `peer` is who it said it is, if it did. */
  | { readonly kind: 'refused-by-peer'; readonly refusal: Refusal; readonly peer: PeerIdentity | undefined };

/** Not an outcome yet: to be called back with `remembered` when the promise resolves. */
export interface Remembering {
  readonly kind: 'remembering';
  readonly done: Promise<void>;
}

export class Handshake {
  readonly #context: HandshakeContext;
  readonly #send: (bytes: Uint8Array) => void;
  readonly #reader = new HandshakeReader();
  #peer: Hello | undefined;
  #hasSentPreface = false;
  #isRemembering = false;

  constructor(context: HandshakeContext, send: (bytes: Uint8Array) => void) {
    this.#context = context;
    this.#send = send;
  }

  /** Says hello if this end dialled; the other end waits until it is spoken to. */
  start(): void {
    if (this.#isDialler) this.#introduce();
  }

  /** Takes in what arrived. Undefined until the outcome is known; after that, not to be called again. */
  push(chunk: Uint8Array): HandshakeOutcome | Remembering | undefined {
    this.#reader.push(chunk);
    return this.#isRemembering ? undefined : this.#readOn();
  }

  /** Goes on after the life of the other end was remembered. */
  remembered(): HandshakeOutcome | Remembering | undefined {
    this.#isRemembering = false;
    const hello = this.#peer;
    if (hello === undefined) return undefined;
    // A later life may have come meanwhile.
    const refusal = judgeHello(hello, this.#context);
    if (refusal !== undefined) return this.#refuse(refusal);
    return this.#letIn(hello) ?? this.#readOn();
  }

  #readOn(): HandshakeOutcome | Remembering | undefined {
    try {
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

  get #peerIdentity(): PeerIdentity | undefined {
    return this.#peer === undefined ? undefined : identityOf(this.#peer);
  }

  get #isDialler(): boolean {
    return this.#context.dialled !== undefined;
  }

  #onMessage(message: HandshakeMessage): HandshakeOutcome | Remembering | undefined {
    switch (message.kind) {
      case 'preface':
        return message.version === protocolVersion ? undefined : this.#refuseVersion(message.version);
      case 'refusal':
        return { kind: 'refused-by-peer', refusal: message.refusal, peer: this.#peerIdentity };
      case 'hello':
        return this.#peer === undefined ? this.#onHello(message.hello) : this.#refuseOrder('a second hello');
      case 'welcome':
        // Only the dialler says welcome, after it has heard the acceptor's hello.
        return this.#peer === undefined || this.#isDialler
          ? this.#refuseOrder('a welcome out of turn')
          : this.#opened(this.#peer);
    }
  }

  #onHello(hello: Hello): HandshakeOutcome | Remembering | undefined {
    this.#peer = hello;
    const refusal = judgeHello(hello, this.#context);
    if (refusal !== undefined) return this.#refuse(refusal);
    const done = this.#context.remember(introductionOf(hello));
    if (done === undefined) return this.#letIn(hello);
    this.#isRemembering = true;
    return { kind: 'remembering', done };
  }

  #letIn(hello: Hello): HandshakeOutcome | undefined {
    if (!this.#isDialler) {
      this.#introduce();
      return undefined;
    }
    this.#say(encodeWelcome());
    return this.#opened(hello);
  }

  #opened(hello: Hello): HandshakeOutcome {
    return { kind: 'open', peer: introductionOf(hello), rest: this.#reader.rest() };
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
    return { kind: 'refused', refusal, peer: this.#peerIdentity };
  }

  #say(message: Uint8Array): void {
    if (!this.#hasSentPreface) this.#send(encodePreface());
    this.#hasSentPreface = true;
    this.#send(message);
  }
}
