/**
 * Plain reads and writes of one turn of the event loop, of all connections, on their way to the store together.
 *
 * What a pipeline sends arrives in one piece, and a busy node finds many connections with something to read: one message to
 * each peer then carries all of it. Nothing waits for more to come: what leaves, leaves at the end of the turn anyway.
 */

import { limits } from '../../core/limits.ts';
import type { KeyRequest, NodeApi, PutRequest } from '../../replica/node-api.ts';
import type { PendingReply } from './pending-reply.ts';
import type { Session } from './session.ts';
import { replyOfRead } from './store-replies.ts';

type Waiting = Pick<PendingReply, 'onReply'>;

interface Writer {
  readonly session: Pick<Session, 'onWritten'>;
  readonly pending: Waiting;
}

export class RequestGathering {
  readonly #node: Pick<NodeApi, 'together'>;
  #reads: KeyRequest[] = [];
  #readers: Waiting[] = [];
  #writes: PutRequest[] = [];
  #writers: Writer[] = [];
  #isDue = false;

  constructor(node: Pick<NodeApi, 'together'>) {
    this.#node = node;
  }

  read(request: KeyRequest, pending: Waiting): void {
    this.#reads.push(request);
    this.#readers.push(pending);
    if (this.#reads.length >= limits.keysAtOnceMax) this.#sendReads();
    else this.#sendLater();
  }

  write(request: PutRequest, session: Writer['session'], pending: Waiting): void {
    this.#writes.push(request);
    this.#writers.push({ session, pending });
    if (this.#writes.length >= limits.keysAtOnceMax) this.#sendWrites();
    else this.#sendLater();
  }

  #sendLater(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    setImmediate(() => {
      this.#isDue = false;
      this.#sendWrites();
      this.#sendReads();
    });
  }

  #sendReads(): void {
    const [reads, readers] = [this.#reads, this.#readers];
    if (reads.length === 0) return;
    this.#reads = [];
    this.#readers = [];
    this.#node.together.get(reads, (index, outcome) => readers[index]?.onReply(replyOfRead(outcome)));
  }

  #sendWrites(): void {
    const [writes, writers] = [this.#writes, this.#writers];
    if (writes.length === 0) return;
    this.#writes = [];
    this.#writers = [];
    this.#node.together.put(writes, (index, outcome) => {
      const writer = writers[index];
      writer?.pending.onReply(writer.session.onWritten(outcome));
    });
  }
}
