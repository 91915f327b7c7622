/**
 * How long ago a peer sent what arrives now, although the clocks of two nodes have nothing in common.
 *
 * Every message carries its sender's monotonic time. The difference to the receiver's is a constant and the time on the
 * way; its least value of late stands for the way when nothing is in it, and what a message takes beyond that it
 * has waited: in the sender's queue, in the network, or in this process while it stood still (one-way delay
 * variation, as in LEDBAT, RFC 6817). So a request whose asker has given up is recognised without any agreement on time.
 *
 * A decider. The least value is that of this minute and the one before, so clocks may drift apart. Ages up to 524 s
 * are told apart; what is older looks young, which is how everything looked without this.
 */

/** Monotonic time travels in units of this, 16 bits of it. */
export const tickMs = 16;
/** An age may be wrong by this much: two times that were rounded. */
export const ageErrorMs = 2 * tickMs;
const tickMask = 0xffff;
const windowMs = 60_000;

/** A monotonic time as messages carry it. */
export function tickOf(monotonicMs: number): number {
  return Math.floor(monotonicMs / tickMs) & tickMask;
}

interface Way {
  /** The asker's life: another one has another clock. */
  readonly incarnation: number;
  /** The least difference in ticks, in this window and in the last one. */
  least: number;
  leastBefore: number;
  windowEndsMs: number;
}

export class RequestAge {
  readonly #ways = new Map<string, Way>();

  /** Milliseconds for which a message has waited on its way; its first of a life counts as not at all. */
  of(
    asker: string,
    message: { readonly incarnation: number; readonly sentTick: number },
    nowMs: number,
  ): number {
    const { incarnation, sentTick } = message;
    const difference = (tickOf(nowMs) - sentTick) & tickMask;
    let way = this.#ways.get(asker);
    if (way?.incarnation !== incarnation) {
      const windowEndsMs = nowMs + windowMs;
      way = { incarnation, least: difference, leastBefore: difference, windowEndsMs };
      this.#ways.set(asker, way);
    } else if (nowMs >= way.windowEndsMs) {
      way.leastBefore = way.least;
      way.least = difference;
      way.windowEndsMs = nowMs + windowMs;
    }
    if (beyond(difference, way.least) < 0) way.least = difference;
    const usual = beyond(way.leastBefore, way.least) < 0 ? way.leastBefore : way.least;
    return beyond(difference, usual) * tickMs;
  }
}

/** How much one difference exceeds another; negative when it is smaller. Both wrap around. */
function beyond(difference: number, other: number): number {
  return ((difference - other) << 16) >> 16;
}
