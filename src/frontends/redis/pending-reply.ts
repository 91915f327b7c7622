/**
 * One request of a connection from its arrival to its reply, and the queue that keeps replies in order.
 *
 * Requests on different keys run side by side; those on one key keep their order, and what has no single key runs
 * alone. Entries are used again and bring their callbacks along, so that a request allocates neither.
 */

import type { ReadOutcome, WriteOutcome } from '../../replica/node-api.ts';
import type { Waiting } from '../request-gathering.ts';
import type { Command } from './command.ts';
import type { ProtocolVersion, Reply } from './reply.ts';
import type { Session } from './session.ts';
import { replyOfRead, replyOfThrownWrite } from './store-replies.ts';

/** What may run beside it: `read`: other reads, and writes of other keys; `write`: other keys; `alone`: nothing. */
export type Access = 'read' | 'write' | 'alone';

export class PendingReply implements Waiting<ReadOutcome> {
  words: readonly Buffer[] = [];
  command: Command | undefined = undefined;
  access: Access = 'alone';
  /** Requests whose hashes differ have different keys. */
  keyHash = 0;
  requestBytes = 0;
  running = false;
  /** Read again when its turn comes: its value had no room among those that wait to be sent. */
  parked = false;
  reply: Reply | undefined = undefined;
  replyBytes = 0;
  /** The protocol in force when it was answered. */
  protocol: ProtocolVersion = 2;
  next: PendingReply | undefined = undefined;
  /** Who is told the outcome of a plain write. */
  readonly writing: Waiting<WriteOutcome>;
  readonly onReply: (reply: Reply) => void;
  readonly onThrown: (error: unknown) => void;

  constructor(
    settle: (pending: PendingReply, reply: Reply) => void,
    replyOfThrown: (error: unknown) => Reply,
    session: Session,
  ) {
    this.writing = new PendingWrite(this, session);
    this.onReply = (reply) => settle(this, reply);
    this.onThrown = (error) => settle(this, replyOfThrown(error));
  }

  /** The outcome of a plain read. */
  onOutcome(outcome: ReadOutcome): void {
    this.onReply(replyOfRead(outcome));
  }

  /** Lets go of everything, for the next use. */
  clear(): void {
    this.words = [];
    this.command = undefined;
    this.reply = undefined;
    this.next = undefined;
    this.running = false;
    this.parked = false;
    this.replyBytes = 0;
    this.requestBytes = 0;
  }
}

/** A write whose outcome counts for the next `WAIT` of its session. */
class PendingWrite implements Waiting<WriteOutcome> {
  readonly #pending: PendingReply;
  readonly #session: Session;

  constructor(pending: PendingReply, session: Session) {
    this.#pending = pending;
    this.#session = session;
  }

  onOutcome(outcome: WriteOutcome): void {
    this.#pending.onReply(this.#session.onWritten(outcome));
  }

  onThrown(error: unknown): void {
    this.#pending.onReply(replyOfThrownWrite(error));
  }
}

/** First in, first out; also answers what a request would run beside. */
export class PendingQueue {
  #head: PendingReply | undefined;
  #tail: PendingReply | undefined;
  length = 0;

  get head(): PendingReply | undefined {
    return this.#head;
  }

  push(pending: PendingReply): void {
    if (this.#tail === undefined) this.#head = pending;
    else this.#tail.next = pending;
    this.#tail = pending;
    this.length++;
  }

  shift(): void {
    this.#head = this.#head?.next;
    if (this.#head === undefined) this.#tail = undefined;
    this.length--;
  }

  /** Whether a request that runs forbids one with this access and key. */
  conflictsWith(access: Access, keyHash: number): boolean {
    for (let pending = this.#head; pending !== undefined; pending = pending.next) {
      if (!pending.running || pending.keyHash !== keyHash) continue;
      if (access === 'write' || pending.access === 'write') return true;
    }
    return false;
  }
}

/** A quick hash (FNV-1a); equal hashes only make two requests wait for each other. */
export function hashOf(key: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < key.length; index++) {
    hash = Math.imul(hash ^ (key[index] ?? 0), 0x01000193);
  }
  return hash;
}
