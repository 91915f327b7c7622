/**
 * Dot = (time, actor): the unique name of one written version (Preguiça et al. 2010).
 *
 * The time is a hybrid logical clock reading, the actor names the coordinator that minted it and
 * the life of its disk, as `<node id>.<generation>`: a node whose disk was lost or rolled back
 * comes back as a new actor and can never mint a dot that exists already.
 */

import { compareTimes, type HlcTime } from './hybrid-logical-clock.ts';

export interface Dot extends HlcTime {
  /** 1 to 255 characters of printable ASCII without spaces and quotes: it is part of the ETag. */
  readonly actor: string;
}

/** The total order that decides which of two versions wins: time first, then actor. */
export function compareDots(left: Dot, right: Dot): number {
  const byTime = compareTimes(left, right);
  if (byTime !== 0) return byTime;
  return left.actor < right.actor ? -1 : left.actor > right.actor ? 1 : 0;
}

/** The node part of an actor, e.g. `n1` of `n1.k3f9xa`. */
export function nodeOfActor(actor: string): string {
  const separator = actor.indexOf('.');
  return separator < 0 ? actor : actor.slice(0, separator);
}

/** Text form `wallMs-counter-actor`, used in ETags, logs and traces. */
export function formatDot(dot: Dot): string {
  return `${dot.wallMs}-${dot.counter}-${dot.actor}`;
}

/** Reads the form of `formatDot`; undefined when it is not one. */
export function parseDot(text: string): Dot | undefined {
  const match = /^(\d{1,15})-(\d{1,5})-([\x21\x23-\x7e]{1,255})$/.exec(text);
  if (match === null) return undefined;
  const wallMs = Number(match[1]);
  const counter = Number(match[2]);
  const actor = match[3] ?? '';
  if (wallMs >= 2 ** 48 || counter > 0xffff) return undefined;
  return { wallMs, counter, actor };
}
