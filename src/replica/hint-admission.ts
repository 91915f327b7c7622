/**
 * How many hints are kept for an owner that is up: a token bucket for each.
 *
 * Hints are for owners that are away, and then every write that an owner misses gets one. An owner that is up but
 * overloaded would get its whole load a second time, as hints of writes that it may have taken after all; so
 * beyond `limits.hintsPerSecondWhileUp` such a write is left to anti-entropy. A decider that takes `nowMs` as an argument.
 */

import type { NodeId } from '../core/config.ts';
import { limits } from '../core/limits.ts';

interface Bucket {
  tokens: number;
  filledAtMs: number;
}

export class HintAdmission {
  readonly #buckets = new Map<NodeId, Bucket>();

  /** Whether one more hint may be kept now for an owner that is up. */
  admit(owner: NodeId, nowMs: number): boolean {
    const bucket = this.#bucketOf(owner, nowMs);
    const refill = ((nowMs - bucket.filledAtMs) * limits.hintsPerSecondWhileUp) / 1000;
    bucket.tokens = Math.min(limits.hintsPerSecondWhileUp, bucket.tokens + refill);
    bucket.filledAtMs = nowMs;
    if (bucket.tokens < 1) return false;
    bucket.tokens--;
    return true;
  }

  #bucketOf(owner: NodeId, nowMs: number): Bucket {
    const known = this.#buckets.get(owner);
    if (known !== undefined) return known;
    const bucket: Bucket = { tokens: limits.hintsPerSecondWhileUp, filledAtMs: nowMs };
    this.#buckets.set(owner, bucket);
    return bucket;
  }
}
