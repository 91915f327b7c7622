/**
 * Whether this node's "nothing" proves anything: a node whose disk was lost, damaged or rolled back is no witness
 * until it holds again, partition by partition, all that it may ever have acknowledged.
 *
 * A decider that takes what was compared and says which partitions are complete. An acknowledged write of such
 * a partition lies on W owners, of which this node may be one, so on W - 1 others at least. It is found in any N - W + 1
 * complete others, and in all others together. Where W owners are fresh nothing can have been acknowledged
 * that has not lost W holders. While an owner that is connected has not been compared the answer waits for it.
 *
 * A partition that a change of the nodes file has just given to this node is incomplete too (`gained`).
 *
 * A write that this node acknowledged in its life before may still be on its way to the others, which count that
 * acknowledgement: a comparison counts only when it starts a request's timeout after this life did.
 */

import type { NodeId } from '../core/config.ts';
import type { Completeness } from '../protocol/healing-messages.ts';
import type { EvidenceCause } from '../storage/store.ts';

/** Why this node is no witness of a partition. */
export type IncompleteCause = EvidenceCause | 'gained';

export interface OwnedPartition {
  readonly partition: number;
  /** The other owners. */
  readonly others: readonly NodeId[];
}

interface PartitionEvidence {
  readonly others: readonly NodeId[];
  readonly compared: Map<NodeId, Completeness>;
  isComplete: boolean;
}

export class Evidence {
  readonly #partitions = new Map<number, PartitionEvidence>();
  readonly #w: number;
  readonly #countsFromMs: number;
  readonly #cause: EvidenceCause | undefined;
  #incomplete = 0;

  constructor(options: {
    readonly owned: readonly OwnedPartition[];
    /** Durable holders of an acknowledged write. */
    readonly w: number;
    /** Why the store is no witness; undefined when it is one. */
    readonly cause: EvidenceCause | undefined;
    /** Owned since this start, while their records lie elsewhere. */
    readonly gained?: ReadonlySet<number> | undefined;
    /** When this life began, and how long a request of the life before may go on. */
    readonly startedAtMs: number;
    readonly requestTimeoutMs: number;
  }) {
    const { owned, w, cause, gained, startedAtMs, requestTimeoutMs } = options;
    this.#w = w;
    this.#cause = cause;
    // A node without an earlier life has acknowledged nothing in it.
    this.#countsFromMs = cause === 'fresh' ? startedAtMs : startedAtMs + requestTimeoutMs;
    for (const { partition, others } of owned) {
      const isComplete = cause === undefined && gained?.has(partition) !== true;
      this.#partitions.set(partition, { others, compared: new Map(), isComplete });
      if (!isComplete) this.#incomplete++;
    }
  }

  /** Why partitions are incomplete; undefined once none is. */
  get cause(): IncompleteCause | undefined {
    return this.#incomplete > 0 ? (this.#cause ?? 'gained') : undefined;
  }

  /** Partitions of which this node is no witness yet. */
  get incomplete(): number {
    return this.#incomplete;
  }

  /** Whether "nothing" from this node is evidence for keys of the partition; never of one that it doesn't own. */
  isComplete(partition: number): boolean {
    return this.#partitions.get(partition)?.isComplete ?? false;
  }

  completenessOf(partition: number): Completeness {
    if (this.isComplete(partition)) return 'complete';
    return this.#cause === 'fresh' ? 'fresh' : 'incomplete';
  }

  /** Whether a comparison with an owner would bring the partition nearer to being complete. */
  needs(partition: number, peer: NodeId): boolean {
    const evidence = this.#partitions.get(partition);
    return evidence !== undefined && !evidence.isComplete && evidence.compared.get(peer) !== 'complete';
  }

  /** This node holds now all that the peer held of a partition when the comparison began. */
  compared(
    partition: number,
    comparison: { readonly peer: NodeId; readonly theirs: Completeness; readonly beganAtMs: number },
  ): void {
    const evidence = this.#partitions.get(partition);
    if (evidence === undefined || evidence.isComplete || comparison.beganAtMs < this.#countsFromMs) return;
    if (evidence.others.includes(comparison.peer)) {
      evidence.compared.set(comparison.peer, comparison.theirs);
    }
  }

  /** The partitions that have become complete; `isUp` tells which other owners could be compared. */
  settle(isUp: (node: NodeId) => boolean): number[] {
    if (this.#incomplete === 0) return [];
    const settled: number[] = [];
    for (const [partition, evidence] of this.#partitions) {
      if (evidence.isComplete || !this.#suffices(evidence, isUp)) continue;
      evidence.isComplete = true;
      this.#incomplete -= 1;
      settled.push(partition);
    }
    return settled;
  }

  #suffices({ others, compared }: PartitionEvidence, isUp: (node: NodeId) => boolean): boolean {
    if (others.some((owner) => !compared.has(owner) && isUp(owner))) return false;
    const states = [...compared.values()];
    const complete = states.filter((state) => state === 'complete').length;
    const fresh = states.filter((state) => state === 'fresh').length + (this.#cause === 'fresh' ? 1 : 0);
    const n = others.length + 1;
    return complete >= n - this.#w + 1 || fresh >= this.#w || compared.size === others.length;
  }
}
