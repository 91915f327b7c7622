/**
 * What this node promises for the stability floor: that it coordinates no write stamped until some time any more, and
 * takes no new write and no new hint stamped until then.
 *
 * A promise follows the wall clock at a distance that ordinary writes never need, and stays below every write that
 * is still under way here. It is kept without a disk of its own: a reading is minted before each promise, so a life
 * that follows starts from a clock bound above it and takes over all that could have been promised.
 */

import type { Timing } from '../core/config.ts';
import { StoreError } from '../core/errors.ts';
import type { Clock } from '../ports/clock.ts';
import type { StoreStatus } from '../storage/store.ts';
import type { NodeClock } from './node-clock.ts';
import type { NodeIdentity } from './node-identity.ts';
import type { WritesUnderWay } from './writes-under-way.ts';

export class WritePromise {
  readonly #clock: Clock;
  readonly #nodeClock: NodeClock;
  readonly #writesUnderWay: WritesUnderWay;
  readonly #lagMs: number;
  #promisedMs: number;

  constructor(options: {
    /** Writes and hints that are `floorLagMs` behind the wall clock may be refused. */
    readonly config: { readonly timing: Pick<Timing, 'floorLagMs'> };
    /** Tells the clock bound that this life began with. */
    readonly identity: Pick<NodeIdentity, 'clockBoundAtStartMs'>;
    /** Knows the floors that came of promises. */
    readonly store: { status(): Pick<StoreStatus, 'floorMaxMs'> };
    readonly clock: Clock;
    readonly nodeClock: NodeClock;
    readonly writesUnderWay: WritesUnderWay;
  }) {
    this.#clock = options.clock;
    this.#nodeClock = options.nodeClock;
    this.#writesUnderWay = options.writesUnderWay;
    this.#lagMs = options.config.timing.floorLagMs;
    const formerMs = options.identity.clockBoundAtStartMs - this.#lagMs;
    this.#promisedMs = Math.max(0, formerMs, options.store.status().floorMaxMs);
  }

  get promisedMs(): number {
    return this.#promisedMs;
  }

  /** Promises as much as can be promised now. Rejects when the clock bound can't be made durable. */
  async extend(): Promise<number> {
    await this.#nodeClock.reserve();
    this.#nodeClock.mint();
    const nowMs = Math.min(this.#clock.wallNow(), this.#nodeClock.last.wallMs);
    const oldestMs = this.#writesUnderWay.oldestMs ?? Number.MAX_SAFE_INTEGER;
    this.#promisedMs = Math.max(this.#promisedMs, Math.min(nowMs - this.#lagMs, oldestMs - 1));
    return this.#promisedMs;
  }

  /** Throws `STALE_VERSION` for a new write, or a new hint, from the time that was promised away. */
  check(wallMs: number): void {
    if (wallMs > this.#promisedMs) return;
    throw new StoreError(
      'STALE_VERSION',
      `a new write stamped ${wallMs} comes after this node promised to take none up to ${this.#promisedMs}. ` +
        'Check the clocks (NTP) of both machines, or raise timing.floorLagMs.',
    );
  }
}
