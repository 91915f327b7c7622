/**
 * Whether another owner is being filled, as its heartbeats tell: by how many versions this node is ahead of it, and
 * whether that gets less.
 *
 * Such an owner heals itself, and there is next to nothing to fetch from it, but a comparison with it would go down
 * the whole tree again and again. A decider. The lead has to reach a new low each time, so it ends: an owner that stands still,
 * or loses ground, is compared at the usual pace, and any other at the latest after `limits.catchUpMsMax`.
 */

import { limits } from '../core/limits.ts';

export class CatchUp {
  /** Since the latest comparison. */
  #leastLead = Number.POSITIVE_INFINITY;
  #comparedAtMs: number;

  constructor(nowMs: number) {
    this.#comparedAtMs = nowMs;
  }

  /** A heartbeat shows by how much this node is ahead; returns whether the owner may be left alone until the next. */
  onLead(versions: number, nowMs: number): boolean {
    const gained = this.#leastLead - versions;
    if (gained > 0) this.#leastLead = versions;
    const isCatchingUp = gained >= limits.catchUpVersionsMin && Number.isFinite(gained);
    return isCatchingUp && versions > 0 && nowMs - this.#comparedAtMs < limits.catchUpMsMax;
  }

  /** The owner was compared. */
  onCompared(nowMs: number): void {
    this.#leastLead = Number.POSITIVE_INFINITY;
    this.#comparedAtMs = nowMs;
  }
}
