/**
 * Plain reads and writes of one turn of the event loop, of all connections of a front, on their way to the store together.
 *
 * What a pipeline sends arrives in one piece, and a busy node finds many connections with something to read: one message to
 * each peer then carries all of it. Nothing waits for more to come: what leaves, leaves at the end of the turn anyway.
 */

import { limits } from '../core/limits.ts';
import type {
  KeyRequest,
  NodeApi,
  OnOutcome,
  PutRequest,
  ReadOutcome,
  WriteOutcome,
} from '../replica/node-api.ts';

/** Who waits for an outcome. Not two callbacks: there would be two objects more for each request. */
export interface Waiting<Outcome> {
  /** Called once, unless `onThrown` is; may throw, which nobody else's outcome suffers from. */
  onOutcome(outcome: Outcome): void;
  /** The node threw, or `onOutcome` did. Of a write nobody knows how far it got. */
  onThrown(error: unknown): void;
}

export class RequestGathering {
  readonly #reads: Gathered<KeyRequest, ReadOutcome>;
  readonly #writes: Gathered<PutRequest, WriteOutcome>;
  #isDue = false;

  constructor({ together }: Pick<NodeApi, 'together'>) {
    this.#reads = new Gathered((requests, onOutcome) => together.get(requests, onOutcome));
    this.#writes = new Gathered((requests, onOutcome) => together.put(requests, onOutcome));
  }

  /** Reads at the end of this turn. */
  read(request: KeyRequest, waiting: Waiting<ReadOutcome>): void {
    this.#reads.add(request, waiting);
    this.#sendLater();
  }

  /** Writes at the end of this turn. The value must not change until the outcome. */
  write(request: PutRequest, waiting: Waiting<WriteOutcome>): void {
    this.#writes.add(request, waiting);
    this.#sendLater();
  }

  #sendLater(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    setImmediate(() => {
      this.#isDue = false;
      this.#writes.send();
      this.#reads.send();
    });
  }
}

/** Requests of one kind, and who waits for each. */
class Gathered<Request, Outcome> {
  readonly #carryOut: (requests: readonly Request[], onOutcome: OnOutcome<Outcome>) => void;
  #requests: Request[] = [];
  #waiting: (Waiting<Outcome> | undefined)[] = [];

  constructor(carryOut: (requests: readonly Request[], onOutcome: OnOutcome<Outcome>) => void) {
    this.#carryOut = carryOut;
  }

  /** Sends what there is once it is as much as one message takes. */
  add(request: Request, waiting: Waiting<Outcome>): void {
    this.#requests.push(request);
    this.#waiting.push(waiting);
    if (this.#requests.length >= limits.keysAtOnceMax) this.send();
  }

  send(): void {
    const [requests, waiting] = [this.#requests, this.#waiting];
    if (requests.length === 0) return;
    this.#requests = [];
    this.#waiting = [];
    const tell = (index: number, outcome: Outcome): void => {
      const one = waiting[index];
      waiting[index] = undefined;
      try {
        one?.onOutcome(outcome);
      } catch (error) {
        one?.onThrown(error);
      }
    };
    try {
      this.#carryOut(requests, tell);
    } catch (error) {
      for (const one of waiting.splice(0)) one?.onThrown(error);
    }
  }
}
