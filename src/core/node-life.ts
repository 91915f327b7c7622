/**
 * The lives of a node, and what a peer makes of one that introduces itself.
 *
 * A *life* is one start of a node: its incarnation, which its disk counts, and a random number. Two starts
 * share an incarnation only if the disk of the second does not know of the first, so an incarnation that
 * was passed already, or that is held under another random number, gives a disk away that was lost, set
 * back to an older copy, or copied to a second machine.
 *
 * A copy made during the very life that ended last has the next incarnation like an ordinary restart. What gives
 * it away is its log: entries are counted over restarts, never fewer, so a node whose log is shorter at its
 * start than a peer has heard that it was came back without its end. The count belongs to a generation of the disk
 * (`replica/node-identity.ts`): one that began after what is known has a count of its own.
 *
 * What such a disk no longer holds its node may have acknowledged: it must not be believed until it says so itself.
 * Simplified: a copy that is written to, and started again, before it meets any peer may pass what they heard.
 */

/** One start of a node. Both are unsigned 32-bit integers. */
export interface NodeLife {
  /** Counts the starts of the node, on its disk before it is used. */
  readonly incarnation: number;
  /** Drawn at random for each start. */
  readonly life: number;
}

/** How far the log of a node had come. */
export interface LogMark {
  /** Names the disk that counts, see `isGeneration`: another one after it was lost or set back. */
  readonly generation: string;
  /** The incarnation that began the generation, if a peer's knowledge was why; 0 for the first of a disk. */
  readonly since: number;
  /** Durable entries in the log, over restarts; below 2 ** 48. */
  readonly entries: number;
}

/** A start of a node, and how far its log had come: at the start, or when it was last heard. */
export interface LoggedLife extends NodeLife {
  readonly log: LogMark;
}

/** The greatest incarnation: a node that got there starts no more. */
export const incarnationMax = 0xffff_ffff;

export type LifeVerdict =
  /** The life that is known, or a later one. */
  | 'welcome'
  /** The node's disk does not know of a life that it had, or of all that it wrote. */
  | 'rolled-back'
  /** The same, but that other life is at work right now: two processes bear one id. */
  | 'id-in-use';

/** Judges the life that a node claims by the latest one known of it; `isKnownPresent`: that one is heard of now. */
export function judgeLife(
  claimed: LoggedLife,
  known: LoggedLife | undefined,
  isKnownPresent: boolean,
): LifeVerdict {
  if (known === undefined || isSameLife(claimed, known)) return 'welcome';
  if (claimed.incarnation > known.incarnation && continues(claimed.log, known.log)) return 'welcome';
  return isKnownPresent ? 'id-in-use' : 'rolled-back';
}

/** Whether a log has all that another had, or belongs to a generation that began after the other's. */
function continues(log: LogMark, known: LogMark): boolean {
  if (log.since !== known.since) return log.since > known.since;
  return log.generation === known.generation && log.entries >= known.entries;
}

export function isSameLife(one: NodeLife, other: NodeLife): boolean {
  return one.incarnation === other.incarnation && one.life === other.life;
}

/** 1 to 32 lower-case letters and digits. */
export function isGeneration(text: string): boolean {
  return /^[a-z0-9]{1,32}$/.test(text);
}

/** For messages: `incarnation 7 (life 1f3a09bc)`. */
export function describeLife({ incarnation, life }: NodeLife): string {
  return `incarnation ${incarnation} (life ${life.toString(16).padStart(8, '0')})`;
}

/** The life that stands in the way of another, for messages: `incarnation 7 (life 1f3a09bc), with a log that …`. */
export function describeKnownLife(known: NodeLife, claimed: NodeLife): string {
  const isLog = claimed.incarnation > known.incarnation;
  return describeLife(known) + (isLog ? ', with a log that is not all in this one' : '');
}
