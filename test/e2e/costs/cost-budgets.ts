/**
 * What one operation may cost, over all three nodes together.
 *
 * Counts, not times: they say the same on a busy machine. One request at a time on one connection has counts that
 * are nearly exact, so a budget is what was counted, plus what heartbeats and the odd split packet add, and
 * less than one more call for every operation. Of a pipeline the share of one operation is what one turn, one flush and one
 * sync have to be shared by.
 *
 * A budget that is broken by a good reason is raised here, with that reason.
 */

export interface CostBudget {
  readonly title: string;
  readonly operation: 'put' | 'get';
  readonly protocol: 'http' | 'redis';
  /** Operations sent in one packet. */
  readonly pipeline: number;
  /** Calls that read from sockets, files and event descriptors, and that write to them. */
  readonly readsMax: number;
  readonly writesMax: number;
  /** Bytes of JavaScript objects. */
  readonly heapBytesMax: number;
}

export const budgets: readonly CostBudget[] = [
  {
    title: 'an HTTP PUT alone',
    operation: 'put',
    protocol: 'http',
    pipeline: 1,
    readsMax: 8.8,
    writesMax: 11.6,
    heapBytesMax: 110_000,
  },
  {
    title: 'an HTTP GET alone',
    operation: 'get',
    protocol: 'http',
    pipeline: 1,
    readsMax: 4.6,
    writesMax: 3.6,
    heapBytesMax: 40_000,
  },
  {
    title: 'a Redis SET alone',
    operation: 'put',
    protocol: 'redis',
    pipeline: 1,
    readsMax: 8.8,
    writesMax: 11.6,
    heapBytesMax: 110_000,
  },
  {
    title: 'a Redis GET alone',
    operation: 'get',
    protocol: 'redis',
    pipeline: 1,
    readsMax: 4.6,
    writesMax: 3.6,
    heapBytesMax: 40_000,
  },
  {
    title: 'one of 64 Redis SETs in a pipeline',
    operation: 'put',
    protocol: 'redis',
    pipeline: 64,
    readsMax: 1,
    writesMax: 0.6,
    heapBytesMax: 40_000,
  },
  {
    title: 'one of 64 Redis GETs in a pipeline',
    operation: 'get',
    protocol: 'redis',
    pipeline: 64,
    readsMax: 1.8,
    writesMax: 0.6,
    heapBytesMax: 15_000,
  },
];

/** Syncs of one PUT alone: W owners must have it durable before it is answered, and each of the N does that once. */
export const syncsOfOnePut = { min: 2, max: 3 };
