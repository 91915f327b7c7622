/**
 * Plain reads and writes of one turn of the event loop, of all connections of a front, on their way to the store together.
 *
 * What a pipeline sends arrives in one piece, and a busy node finds many connections with something to read: one message to
 * each peer then carries all of it. Nothing waits for more to come: what leaves, leaves at the end of the turn anyway.
 */

import { limits } from '../core/limits.ts';
import type { KeyRequest, NodeApi, PutRequest, ReadOutcome, WriteOutcome } from '../replica/node-api.ts';

/** Who waits for a read: one of its calls comes, once. Not two callbacks: there would be two objects more for each request. */
export interface Reader {
  onRead(outcome: ReadOutcome): void;
  onThrown(error: unknown): void;
}

/** The same for a write; of one that was thrown nobody knows how far it got. */
export interface Writer {
  onWritten(outcome: WriteOutcome): void;
  onThrown(error: unknown): void;
}

export class RequestGathering {
  readonly #node: Pick<NodeApi, 'together'>;
  #reads: KeyRequest[] = [];
  #readers: (Reader | undefined)[] = [];
  #writes: PutRequest[] = [];
  #writers: (Writer | undefined)[] = [];
  #isDue = false;

  constructor(node: Pick<NodeApi, 'together'>) {
    this.#node = node;
  }

  /** Reads at the end of this turn. */
  read(request: KeyRequest, reader: Reader): void {
    this.#reads.push(request);
    this.#readers.push(reader);
    if (this.#reads.length >= limits.keysAtOnceMax) this.#sendReads();
    else this.#sendLater();
  }

  /** Writes at the end of this turn. The value must not change until the outcome. */
  write(request: PutRequest, writer: Writer): void {
    this.#writes.push(request);
    this.#writers.push(writer);
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
    try {
      this.#node.together.get(reads, (index, outcome) => takeOut(readers, index)?.onRead(outcome));
    } catch (error) {
      for (const reader of readers.splice(0)) reader?.onThrown(error);
    }
  }

  #sendWrites(): void {
    const [writes, writers] = [this.#writes, this.#writers];
    if (writes.length === 0) return;
    this.#writes = [];
    this.#writers = [];
    try {
      this.#node.together.put(writes, (index, outcome) => takeOut(writers, index)?.onWritten(outcome));
    } catch (error) {
      for (const writer of writers.splice(0)) writer?.onThrown(error);
    }
  }
}

function takeOut<Waiting>(waiting: (Waiting | undefined)[], index: number): Waiting | undefined {
  const taken = waiting[index];
  waiting[index] = undefined;
  return taken;
}
