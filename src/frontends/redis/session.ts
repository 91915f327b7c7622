/**
 * What a connection is to the commands that arrive on it: the node behind it, and what the client has set.
 *
 * Commands change a session, and nothing else than a session, besides the store.
 */

import type { WaitingClient } from '../../replica/admission-gate.ts';
import type { NodeApi, PutRequest, RequestOptions, WriteOutcome } from '../../replica/node-api.ts';
import { CommandError, type ProtocolVersion, type Reply } from './reply.ts';
import { replyOfThrownWrite, replyOfWrite } from './store-replies.ts';

/** The frontend as its commands see it. */
export interface ServerView {
  readonly node: NodeApi;
  /** Of this package. */
  readonly version: string;
  readonly valueBytesMax: number;
  /** Wall milliseconds. */
  readonly wallNow: () => number;
  readonly startedAtMs: number;
  readonly sessions: ReadonlySet<Session>;
  readonly figures: Readonly<ServerFigures>;
}

/** What `INFO` counts. */
export interface ServerFigures {
  connectionsReceived: number;
  commandsProcessed: number;
  /** Bytes of requests that have arrived and are not answered yet. */
  requestBytes: number;
  /** Bytes of replies that clients have not taken yet. */
  replyBytes: number;
}

export interface SessionOptions {
  readonly id: number;
  readonly server: ServerView;
  /** `host:port` of the client and of this end. */
  readonly address: string;
  readonly localAddress: string;
}

export class Session implements WaitingClient {
  readonly id: number;
  readonly server: ServerView;
  readonly node: NodeApi;
  readonly address: string;
  readonly localAddress: string;
  readonly connectedAtMs: number;
  protocol: ProtocolVersion = 2;
  name = '';
  libraryName = '';
  libraryVersion = '';
  /** The connection closes once everything up to this command is answered. */
  closing = false;
  /** The client has closed its side: what has to wait for its turn need not begin. */
  isGone = false;
  lastCommand = '';
  lastCommandAtMs: number;
  /** Fewest durable holders that a write of this connection had when it was answered, since the last `WAIT`. */
  #fewestHolders: number | undefined;
  #lastAnswered: number | undefined;

  constructor(options: SessionOptions) {
    this.id = options.id;
    this.server = options.server;
    this.node = options.server.node;
    this.address = options.address;
    this.localAddress = options.localAddress;
    this.connectedAtMs = options.server.wallNow();
    this.lastCommandAtMs = this.connectedAtMs;
  }

  /** `OK`, or why not. */
  put(request: PutRequest): Promise<Reply> {
    return this.node.put(request).then(this.onWritten, replyOfThrownWrite);
  }

  /** Writes, and throws a `CommandError` unless it is stored. */
  async mustPut(request: PutRequest): Promise<void> {
    mustBeStored(await this.put(request));
  }

  /** Deletes, and throws a `CommandError` unless the tombstone is stored. */
  async mustDelete(request: RequestOptions & { readonly key: Uint8Array }): Promise<void> {
    mustBeStored(
      await this.node.delete({ ...request, client: this }).then(this.onWritten, replyOfThrownWrite),
    );
  }

  /** Durable holders of every write that was answered since the last call; undefined before the first write. */
  takeFewestHolders(): number | undefined {
    this.#lastAnswered = this.#fewestHolders ?? this.#lastAnswered;
    this.#fewestHolders = undefined;
    return this.#lastAnswered;
  }

  /** What `RESET` resets. */
  reset(): void {
    this.protocol = 2;
    this.name = '';
  }

  /** The reply to a write, which counts for the next `WAIT`. */
  readonly onWritten = (outcome: WriteOutcome): Reply => {
    if (outcome.kind !== 'refused') {
      const { acknowledged } = outcome;
      if (this.#fewestHolders === undefined || acknowledged < this.#fewestHolders) {
        this.#fewestHolders = acknowledged;
      }
    }
    return replyOfWrite(outcome);
  };
}

function mustBeStored(reply: Reply): void {
  if (reply.kind === 'error') throw new CommandError(reply.text);
}
