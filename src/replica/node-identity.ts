/**
 * Who this process is in the life of the cluster.
 *
 * An identity is the node's id, its life (an incarnation, new at every start and on disk before it is used, so that
 * replies to a past life are void, and a random number; see `core/node-life.ts`) and its actor (the name in its
 * dots: id and the generation of its disk, so that a node that lost its disk never mints a dot again that
 * exists already).
 *
 * Peers also judge how far the log has come since the generation began: a disk that was set back has less of it.
 * The incarnation is a plain count, without help from a clock: only then is one that comes back with an old or an
 * empty disk not greater than what its peers have met, and they notice. Such a node begins its `nextLife`
 * after the one they know, under a new generation.
 */

import type { NodeConfig } from '../core/config.ts';
import { StoreError } from '../core/errors.ts';
import { incarnationMax, type NodeLife } from '../core/node-life.ts';
import type { Disk } from '../ports/disk.ts';
import type { Random } from '../ports/random.ts';
import type { Introduction } from '../ports/transport.ts';
import { loadNodeState, saveNodeState, type NodeState } from '../storage/node-state.ts';

const generationAlphabet = 'abcdefghijklmnopqrstuvwxyz0123456789';
const generationLength = 6;
const lifeBound = 2 ** 32;

export class NodeIdentity {
  /** This process as its peers see it. */
  readonly self: Introduction;
  /** The actor of every dot minted here. */
  readonly actor: string;
  /** Every clock reading used before this start lies below it. */
  readonly clockBoundAtStartMs: number;
  readonly #disk: Disk;
  readonly #random: Random;
  #state: NodeState;
  #saving: Promise<void> = Promise.resolve();
  #isOver = false;

  private constructor(disk: Disk, random: Random, state: NodeState, logEntries: number) {
    this.#disk = disk;
    this.#random = random;
    this.#state = state;
    const { nodeId, incarnation, generation, generationSince } = state;
    const log = { generation, since: generationSince, entries: logEntries };
    this.self = { id: nodeId, incarnation, life: random.below(lifeBound), log };
    this.actor = `${state.nodeId}.${state.generation}`;
    this.clockBoundAtStartMs = state.clockBoundWallMs;
  }

  get incarnation(): number {
    return this.self.incarnation;
  }

  /**
   * Starts a new incarnation and makes it durable. Throws `CONFIG_INVALID` when the data directory
   * belongs to another node, cluster or number of partitions.
   */
  static async open(options: {
    readonly disk: Disk;
    readonly config: NodeConfig;
    readonly random: Random;
    /** Entries that the store's log was found to have, see `StoreStatus`. */
    readonly logEntries: number;
  }): Promise<NodeIdentity> {
    const { disk, config, random, logEntries } = options;
    const previous = await loadNodeState(disk);
    if (previous !== undefined) refuseForeign(previous, config);
    const state: NodeState = {
      nodeId: config.id,
      clusterName: config.clusterName,
      partitions: config.partitions,
      generation: previous?.generation ?? newGeneration(random),
      generationSince: previous?.generationSince ?? 0,
      incarnation: incarnationAfter(previous?.incarnation ?? 0),
      clockBoundWallMs: previous?.clockBoundWallMs ?? 0,
    };
    await saveNodeState(disk, state);
    return new NodeIdentity(disk, random, state, logEntries);
  }

  /**
   * Begins the life after one that a peer knows and this disk does not: a greater incarnation, and a new actor,
   * since the old one may have minted dots that this disk has no record of. Its log of now, with `logEntries`, is
   * all that peers will ask of it. Durable when it resolves. This identity saves nothing more from the call on.
   */
  async nextLife(known: NodeLife, logEntries: number): Promise<NodeIdentity> {
    this.#isOver = true;
    await this.#saving;
    const incarnation = incarnationAfter(Math.max(known.incarnation, this.incarnation));
    const state: NodeState = {
      ...this.#state,
      generation: newGeneration(this.#random),
      generationSince: incarnation,
      incarnation,
    };
    await saveNodeState(this.#disk, state);
    return new NodeIdentity(this.#disk, this.#random, state, logEntries);
  }

  /** Makes it durable that clock readings below `wallMs` may have been used. */
  saveClockBound(wallMs: number): Promise<void> {
    const save = async (): Promise<void> => {
      if (this.#isOver) throw new StoreError('STOPPING', 'this life of the node is over');
      const state = { ...this.#state, clockBoundWallMs: wallMs };
      await saveNodeState(this.#disk, state);
      this.#state = state;
    };
    // One save at a time, also after one that failed: they all replace the same file.
    const saving = this.#saving.then(save, save);
    this.#saving = saving.catch(() => undefined);
    return saving;
  }
}

/** Throws `ID_IN_USE` when there is none: a node does not come so far in a thousand years. */
function incarnationAfter(incarnation: number): number {
  if (incarnation < incarnationMax) return incarnation + 1;
  throw new StoreError('ID_IN_USE', `incarnation ${incarnation} is the last one; give this node another id`);
}

function newGeneration(random: Random): string {
  let generation = '';
  for (let index = 0; index < generationLength; index++) {
    generation += generationAlphabet.charAt(random.below(generationAlphabet.length));
  }
  return generation;
}

function refuseForeign(state: NodeState, config: NodeConfig): void {
  const differences: string[] = [];
  if (state.nodeId !== config.id) differences.push(`node ${state.nodeId}, not ${config.id}`);
  if (state.clusterName !== config.clusterName) {
    differences.push(`cluster ${state.clusterName}, not ${config.clusterName}`);
  }
  if (state.partitions !== config.partitions) {
    differences.push(
      `a cluster of ${state.partitions} partitions, not ${config.partitions}: their number is fixed when a ` +
        `cluster is created, so set "partitions": ${state.partitions} in the nodes file`,
    );
  }
  if (differences.length > 0) {
    throw new StoreError(
      'CONFIG_INVALID',
      `the data directory belongs to ${differences.join('; ')}. Use the right directory or configuration.`,
    );
  }
}
