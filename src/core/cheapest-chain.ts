/**
 * The cheapest way to pass one unit from a member that has too many to one that has too few, over members
 * in between: the augmenting path of min-cost flow (Ford & Fulkerson 1962), found by label correction.
 *
 * Steps may cost less than nothing (they undo a dearer one), as long as no circle does. Of equally cheap
 * chains the shortest is taken: by that it never goes through one partition twice in conflict with itself.
 */

/** One step: in `partition`, `to` takes the place of `from`. */
export interface ChainStep {
  readonly from: number;
  readonly to: number;
  readonly partition: number;
}

export interface Chain {
  readonly cost: number;
  readonly steps: readonly ChainStep[];
}

/** Takes one possible step of the member that is being looked at. */
export type OfferStep = (to: number, partition: number, cost: number) => void;

/** Heavier than any number of steps: a cheaper chain wins over a shorter one. */
const costWeight = 1 << 12;

export function cheapestChain(options: {
  /** Members are numbered below this. */
  readonly members: number;
  readonly sources: readonly number[];
  readonly isTarget: (member: number) => boolean;
  /** Offers every step that the member can take. */
  readonly offerSteps: (from: number, offer: OfferStep) => void;
}): Chain | undefined {
  const { members, sources, isTarget, offerSteps } = options;
  const lengths = new Float64Array(members).fill(Number.POSITIVE_INFINITY);
  const previous = new Int32Array(members).fill(-1);
  const partitions = new Int32Array(members).fill(-1);
  for (const source of sources) lengths[source] = 0;
  let queue = [...sources];
  while (queue.length > 0) {
    const improved = new Set<number>();
    for (const from of queue) {
      const length = lengths[from] ?? 0;
      offerSteps(from, (to, partition, cost) => {
        const through = length + cost * costWeight + 1;
        if (through >= (lengths[to] ?? 0)) return;
        lengths[to] = through;
        previous[to] = from;
        partitions[to] = partition;
        improved.add(to);
      });
    }
    queue = [...improved];
  }
  let best = -1;
  for (let member = 0; member < members; member++) {
    const isReached = (lengths[member] ?? 0) < Number.POSITIVE_INFINITY;
    if (isReached && isTarget(member) && (best < 0 || (lengths[member] ?? 0) < (lengths[best] ?? 0)))
      best = member;
  }
  if (best < 0) return undefined;
  const steps: ChainStep[] = [];
  for (let to = best; (previous[to] ?? -1) >= 0; to = previous[to] ?? -1) {
    steps.unshift({ from: previous[to] ?? -1, to, partition: partitions[to] ?? -1 });
  }
  return { cost: Math.floor((lengths[best] ?? 0) / costWeight), steps };
}
