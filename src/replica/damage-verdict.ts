/**
 * Whether a version that only this node had, and can't read any more, may be forgotten: never one that was acknowledged.
 *
 * A pure decision. An acknowledged version lies on W owners, or was superseded there by a greater one. It meets any
 * N - W + 1 of them: when so many others, all of them able to read what they hold and to vouch for it, hold nothing at
 * or above the damaged version, it was not acknowledged. By the same count the greatest version that these hold is at
 * or above whatever was acknowledged before it. One that holds something damaged of the same token is no witness: that
 * may be the version in question, or one that the damaged version has superseded here. With W = 1 there are
 * never enough witnesses. See docs/decisions/0018-damaged-and-alone.md.
 */

import { compareTimes, type HlcTime } from '../core/hybrid-logical-clock.ts';
import type { Testimony } from '../protocol/healing-messages.ts';

/**
 * `others` has what each other owner says, undefined for one that was not asked or did not answer; `n` and `w` are those
 * of the configuration.
 */
export function mayForget(
  damaged: HlcTime,
  others: readonly (Testimony | undefined)[],
  quorum: { readonly n: number; readonly w: number },
): boolean {
  let witnesses = 0;
  for (const testimony of others) {
    // An owner that is away may be the only one that has it, of a write with a W of its own.
    if (testimony === undefined) return false;
    if (!testimony.isWitness) continue;
    if (testimony.sum.count > 0 && compareTimes(testimony.newest, damaged) >= 0) return false;
    witnesses++;
  }
  return witnesses >= quorum.n - quorum.w + 1;
}
