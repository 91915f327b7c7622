/**
 * Who this process is in the life of the cluster.
 *
 * An identity is the node's id, its incarnation (new at every start, on disk before it is used, so that
 * replies to a past life are void) and its actor (the name in its dots: id and the generation of its
 * disk, so that a node that lost its disk never mints a dot again that exists already).
 */

import type { NodeConfig } from '../core/config.ts';
import { StoreError } from '../core/errors.ts';
import type { Clock } from '../ports/clock.ts';
import type { Disk } from '../ports/disk.ts';
import type { Random } from '../ports/random.ts';
import { loadNodeState, saveNodeState, type NodeState } from '../storage/node-state.ts';

const generationAlphabet = 'abcdefghijklmnopqrstuvwxyz0123456789';
const generationLength = 6;
const incarnationMax = 0xffff_ffff;

export class NodeIdentity {
  readonly incarnation: number;
  /** The actor of every dot minted here. */
  readonly actor: string;
  /** Every clock reading used before this start lies below it. */
  readonly clockBoundAtStartMs: number;
  readonly #disk: Disk;
  #state: NodeState;
  #saving: Promise<void> = Promise.resolve();

  private constructor(disk: Disk, state: NodeState) {
    this.#disk = disk;
    this.#state = state;
    this.incarnation = state.incarnation;
    this.actor = `${state.nodeId}.${state.generation}`;
    this.clockBoundAtStartMs = state.clockBoundWallMs;
  }

  /**
   * Starts a new incarnation and makes it durable. Throws `CONFIG_INVALID` when the data directory
   * belongs to another node, cluster or number of partitions.
   */
  static async open(options: {
    readonly disk: Disk;
    readonly config: NodeConfig;
    readonly clock: Clock;
    readonly random: Random;
  }): Promise<NodeIdentity> {
    const { disk, config, clock, random } = options;
    const previous = await loadNodeState(disk);
    if (previous !== undefined) refuseForeign(previous, config);
    // Seconds of the wall clock keep incarnations rising even when the disk was lost in between.
    const wallSeconds = Math.floor(clock.wallNow() / 1000);
    const state: NodeState = {
      nodeId: config.id,
      clusterName: config.clusterName,
      partitions: config.partitions,
      generation: previous?.generation ?? newGeneration(random),
      incarnation: Math.min(Math.max((previous?.incarnation ?? 0) + 1, wallSeconds), incarnationMax),
      clockBoundWallMs: previous?.clockBoundWallMs ?? 0,
    };
    await saveNodeState(disk, state);
    return new NodeIdentity(disk, state);
  }

  /** Makes it durable that clock readings below `wallMs` may have been used. */
  saveClockBound(wallMs: number): Promise<void> {
    const save = async (): Promise<void> => {
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
