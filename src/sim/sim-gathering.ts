/**
 * Requests that reach a node within a short time of each other and are handed over together, as those of pipelining
 * connections are.
 *
 * What is gathered belongs to one life of the node: should that end, nobody hears of it any more.
 */

import type { KeyRequest, NodeApi, PutRequest, ReadOutcome, WriteOutcome } from '../replica/node-api.ts';
import type { ProcessScope } from './process-scope.ts';
import type { Scheduler } from './scheduler.ts';

/** About as far apart as requests of one pipeline arrive, which travel by themselves here. */
const windowMicros = 300;

interface Gathered {
  readonly puts: PutRequest[];
  readonly onWritten: ((outcome: WriteOutcome) => void)[];
  readonly reads: KeyRequest[];
  readonly onRead: ((outcome: ReadOutcome) => void)[];
}

export class SimGathering {
  readonly #scheduler: Scheduler;
  readonly #gathered = new WeakMap<NodeApi, Gathered>();

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }

  put(api: NodeApi, scope: ProcessScope, request: PutRequest): Promise<WriteOutcome> {
    const { puts, onWritten } = this.#of(api, scope);
    puts.push(request);
    return new Promise((resolve) => onWritten.push(resolve));
  }

  get(api: NodeApi, scope: ProcessScope, request: KeyRequest): Promise<ReadOutcome> {
    const { reads, onRead } = this.#of(api, scope);
    reads.push(request);
    return new Promise((resolve) => onRead.push(resolve));
  }

  #of(api: NodeApi, scope: ProcessScope): Gathered {
    const gathered = this.#gathered.get(api);
    if (gathered !== undefined) return gathered;
    const fresh: Gathered = { puts: [], onWritten: [], reads: [], onRead: [] };
    this.#gathered.set(api, fresh);
    this.#scheduler.after(windowMicros, () =>
      scope.enter(() => {
        this.#gathered.delete(api);
        const { puts, onWritten, reads, onRead } = fresh;
        if (puts.length > 0) api.together.put(puts, (index, outcome) => onWritten[index]?.(outcome));
        if (reads.length > 0) api.together.get(reads, (index, outcome) => onRead[index]?.(outcome));
      }),
    );
    return fresh;
  }
}
