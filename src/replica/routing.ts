/**
 * Who is asked: the placement table seen through which nodes are up. Pure decisions; liveness changes
 * where a record travels for now, never who owns it.
 */

import type { NodeId } from '../core/config.ts';
import type { PeerRank } from './peer-suspicion.ts';

/** One holder of one write. */
export interface WriteAssignment {
  readonly holder: NodeId;
  /** The owner that the holder keeps a hint for; undefined when the holder is the owner. */
  readonly hintFor: NodeId | undefined;
  /** Whether the holder's acknowledgement counts toward W. */
  readonly counts: boolean;
}

export interface Preference {
  readonly owners: readonly NodeId[];
  readonly fallbacks: readonly NodeId[];
  /** As in `PlacementTable`. */
  readonly zones?: ReadonlyMap<NodeId, string> | undefined;
}

/**
 * Sends a write to every owner that is up and, for each that is down, to the next healthy fallback with a
 * hint. Where no spare node is left the coordinator keeps the hint itself. An acknowledgement counts once per
 * node, so such a hint counts only if the coordinator holds nothing else of this write; under `strict` only owners count.
 */
export function planWrite(options: {
  readonly preference: Preference;
  readonly coordinator: NodeId;
  readonly isUp: (node: NodeId) => boolean;
  readonly strict: boolean;
}): WriteAssignment[] {
  const { preference, coordinator, isUp, strict } = options;
  const assignments: WriteAssignment[] = [];
  for (const owner of preference.owners) {
    if (isUp(owner)) assignments.push({ holder: owner, hintFor: undefined, counts: true });
  }
  if (assignments.length === preference.owners.length) return assignments;
  const holders = new Set(assignments.map(({ holder }) => holder));
  for (const owner of preference.owners) {
    if (holders.has(owner)) continue;
    const fallback = nextFallback(preference, isUp, holders);
    const holder = fallback ?? coordinator;
    assignments.push({ holder, hintFor: owner, counts: !strict && !holders.has(holder) });
    holders.add(holder);
  }
  return assignments;
}

/**
 * The next healthy fallback that does not hold the write already, in a zone of which nobody else does where there is
 * one: copies that are to survive each other must not lie on one machine. `insteadOf` did not take it, and its zone is as
 * good as any.
 */
export function nextFallback(
  preference: Preference,
  isUp: (node: NodeId) => boolean,
  holders: ReadonlySet<NodeId>,
  insteadOf?: NodeId,
): NodeId | undefined {
  const { fallbacks, zones } = preference;
  const healthy = (fallback: NodeId): boolean => isUp(fallback) && !holders.has(fallback);
  if (zones === undefined) return fallbacks.find(healthy);
  const taken = new Set<string | undefined>();
  for (const holder of holders) if (holder !== insteadOf) taken.add(zones.get(holder));
  return (
    fallbacks.find((fallback) => healthy(fallback) && !taken.has(zones.get(fallback))) ??
    fallbacks.find(healthy)
  );
}

/**
 * The nodes to ask for a read, best first: the coordinator itself if it owns the key, the other owners that
 * are up, then fallbacks in the place of owners that are down (they may hold hints); at most N. Among each the
 * quicker come first, and suspects come last of all.
 */
export function planRead(options: {
  readonly preference: Preference;
  readonly coordinator: NodeId;
  readonly isUp: (node: NodeId) => boolean;
  /** How well each answers; undefined while all do. */
  readonly rank: ((node: NodeId) => PeerRank) | undefined;
}): NodeId[] {
  const { preference, coordinator, isUp, rank } = options;
  const targets = preference.owners.filter(isUp);
  if (rank !== undefined) targets.sort((left, right) => rank(left) - rank(right));
  const own = targets.indexOf(coordinator);
  if (own > 0) {
    targets.splice(own, 1);
    targets.unshift(coordinator);
  }
  if (targets.length < preference.owners.length) addFallbacks(preference, isUp, targets);
  if (rank === undefined) return targets;
  const isSuspect = (node: NodeId): boolean => rank(node) === 2;
  return [...targets.filter((node) => !isSuspect(node)), ...targets.filter(isSuspect)];
}

/** Those that a write would have chosen for its hints, to as many as there are owners. */
function addFallbacks(preference: Preference, isUp: (node: NodeId) => boolean, targets: NodeId[]): void {
  const asked = new Set(targets);
  while (targets.length < preference.owners.length) {
    const fallback = nextFallback(preference, isUp, asked);
    if (fallback === undefined) return;
    targets.push(fallback);
    asked.add(fallback);
  }
}
