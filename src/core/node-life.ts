/**
 * The lives of a node, and what a peer makes of one that introduces itself.
 *
 * A *life* is one start of a node: its incarnation, which its disk counts, and a random number. Two starts
 * share an incarnation only if the disk of the second does not know of the first, so an incarnation that
 * was passed already, or that is held under another random number, gives a disk away that was lost, set
 * back to an older copy, or copied to a second machine. What such a disk no longer holds it may have
 * acknowledged: its node must not be believed until it says so itself.
 *
 * Simplified: a copy made during the very life that ended last is not told from an ordinary restart, since
 * that disk's next incarnation is greater than all that anybody saw.
 */

/** One start of a node. Both are unsigned 32-bit integers. */
export interface NodeLife {
  /** Counts the starts of the node, on its disk before it is used. */
  readonly incarnation: number;
  /** Drawn at random for each start. */
  readonly life: number;
}

/** The greatest incarnation: a node that got there starts no more. */
export const incarnationMax = 0xffff_ffff;

export type LifeVerdict =
  /** The life that is known, or a later one. */
  | 'welcome'
  /** The node's disk does not know of a life that it had. */
  | 'rolled-back'
  /** The same, but that other life is at work right now: two processes bear one id. */
  | 'id-in-use';

/** Judges the life that a node claims by the latest one known of it; `isKnownPresent`: that one is heard of now. */
export function judgeLife(
  claimed: NodeLife,
  known: NodeLife | undefined,
  isKnownPresent: boolean,
): LifeVerdict {
  if (known === undefined || claimed.incarnation > known.incarnation) return 'welcome';
  if (isSameLife(claimed, known)) return 'welcome';
  return isKnownPresent ? 'id-in-use' : 'rolled-back';
}

export function isSameLife(one: NodeLife, other: NodeLife): boolean {
  return one.incarnation === other.incarnation && one.life === other.life;
}

/** For messages: `incarnation 7 (life 1f3a09bc)`. */
export function describeLife({ incarnation, life }: NodeLife): string {
  return `incarnation ${incarnation} (life ${life.toString(16).padStart(8, '0')})`;
}
