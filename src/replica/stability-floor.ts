/**
 * The stability floor: below it the owners of a partition forget deletes, because nobody can bring anything older
 * any more (docs/decisions/0012-deletes-need-no-timer.md).
 *
 * The first owner of a partition leads it. Every `floorMs` it asks all members up to when they have promised to bring
 * nothing new, and what the oldest hint is; compares the owners up to the least of these; and where all are
 * complete and hold the same, tells everybody the new floor. An owner that misses it raises it when it next compares.
 * Why a floor stands still is kept for the operator.
 */

import type { NodeId } from '../core/config.ts';
import { errorCodeOf, errorMessageOf } from '../core/errors.ts';
import { disagreement, floorTarget, foreignHolder, type MemberAnswer } from '../core/floor-decision.ts';
import { limits } from '../core/limits.ts';
import type { FloorReport, FloorRequest } from '../protocol/floor-messages.ts';
import type { HealingReply, PartitionFloor, PartitionState } from '../protocol/healing-messages.ts';
import type { Reply, Request } from '../protocol/messages.ts';
import type { Store } from '../storage/store.ts';
import { BackgroundTask } from './background-task.ts';
import type { Coordination } from './coordination.ts';
import type { Counters } from './counters.ts';
import type { Evidence } from './evidence.ts';
import { adoptFloors } from './floor-adoption.ts';
import type { FloorStatus } from './node-api.ts';
import { ownedPartitions } from './owned-partitions.ts';
import type { CallResult } from './remote-calls.ts';
import type { TreeResponder } from './tree-responder.ts';
import type { WritePromise } from './write-promise.ts';

export interface StabilityFloorOptions {
  readonly coordination: Coordination;
  readonly store: Store;
  readonly evidence: Evidence;
  readonly trees: Pick<TreeResponder, 'answer'>;
  readonly promise: WritePromise;
  /** Milliseconds since a peer was last heard; undefined when never. */
  readonly silentMs: (peer: NodeId) => number | undefined;
}

type StatesOfOwner = ReadonlyMap<number, PartitionState>;

export class StabilityFloor {
  readonly #options: StabilityFloorOptions;
  readonly #owned: readonly number[];
  readonly #led: readonly number[];
  /** Partitions that other nodes own. */
  readonly #foreign: readonly number[];
  readonly #task: BackgroundTask;
  /** Why the floor of a partition that this node leads stood still at the last attempt. */
  readonly #reasons = new Map<number, string>();
  /** Peers had time to connect since the start. */
  #hasWaited = false;

  constructor(options: StabilityFloorOptions) {
    this.#options = options;
    const { config, placement, clock, observer } = options.coordination;
    this.#owned = ownedPartitions(placement, config.id).map(({ partition }) => partition);
    this.#led = this.#owned.filter((partition) => placement.owners(partition)[0] === config.id);
    const owned = new Set(this.#owned);
    this.#foreign = Array.from({ length: placement.partitions }, (_, partition) => partition).filter(
      (partition) => !owned.has(partition),
    );
    this.#task = new BackgroundTask({
      name: 'stability-floor',
      clock,
      observer,
      step: (signal) => this.#step(signal),
      pauseAfterErrorMs: config.timing.floorMs,
    });
  }

  /** Before anything is merged: what is being refilled takes versions from below its floor. */
  start(): void {
    const { store, evidence } = this.#options;
    for (const partition of this.#owned) store.setRefill(partition, !evidence.isComplete(partition));
    this.#task.start();
  }

  async stop(): Promise<void> {
    await this.#task.stop();
  }

  /** Answers a leader. Never throws. */
  async answer(request: FloorRequest): Promise<Reply> {
    try {
      if (request.kind === 'floor-report') return await this.#report();
      const { dropped } = await this.#adopt(request.floors);
      return { kind: 'floors-raised', dropped };
    } catch (error) {
      return { kind: 'refused', code: errorCodeOf(error), message: errorMessageOf(error) };
    }
  }

  status(counters: Pick<Counters, 'read'>): FloorStatus {
    const { store, promise, coordination } = this.#options;
    const { collectedKeys, collectedBytes } = store.status();
    const partitions = this.#owned.map((partition) => ({
      partition,
      floorMs: store.floorOf(partition),
      leader: coordination.placement.owners(partition)[0],
      reason: this.#reasons.get(partition) ?? '',
    }));
    return {
      promiseMs: promise.promisedMs,
      partitions,
      straysRefused: counters.read('floor.strays-refused'),
      straysDropped: counters.read('floor.strays-dropped'),
      lateWritesRefused: counters.read('floor.late-writes-refused'),
      collectedKeys,
      collectedBytes,
    };
  }

  async #step(signal: AbortSignal): Promise<number> {
    const { floorMs, peerDownAfterMs } = this.#options.coordination.config.timing;
    // Members that have not connected yet are no reason to tell an operator of, nor to wait a whole period for.
    if (!this.#hasWaited) {
      this.#hasWaited = true;
      return Math.min(floorMs, 2 * peerDownAfterMs);
    }
    if (this.#led.length > 0) await this.#raiseLed(signal);
    return floorMs;
  }

  async #raiseLed(signal: AbortSignal): Promise<void> {
    const { coordination, store } = this.#options;
    const members = await this.#askMembers(signal);
    const target = floorTarget(members);
    if (target.kind === 'blocked') return this.#note(this.#led, target.reason);
    const { floorMs, heldBackBy } = target;
    const higher = this.#led.filter((partition) => floorMs > store.floorOf(partition));
    const stuck = this.#led.filter((partition) => !higher.includes(partition));
    this.#note(stuck, `held back by ${heldBackBy}`);
    const agreed: PartitionFloor[] = [];
    for (let from = 0; from < higher.length && !signal.aborted; from += limits.floorPartitionsPerRequest) {
      const some = higher.slice(from, from + limits.floorPartitionsPerRequest);
      const owners = await this.#askOwners(some, floorMs, signal);
      for (const partition of some) {
        const answers = coordination.placement.owners(partition).map((node) => ({
          node,
          state: ownerState(owners.get(node)?.get(partition)),
        }));
        const reason = foreignHolder(members, partition) || disagreement(answers);
        this.#note([partition], reason);
        if (reason === '') agreed.push({ partition, floorMs });
      }
    }
    if (agreed.length > 0 && !signal.aborted) await this.#raise(agreed, signal);
  }

  async #askMembers(signal: AbortSignal): Promise<MemberAnswer[]> {
    const { coordination, silentMs } = this.#options;
    const { config, isUp } = coordination;
    const timeoutMs = config.timing.requestTimeoutMs;
    const answers = config.members.map(async ({ id }): Promise<MemberAnswer> => {
      const silent = { node: id, promiseMs: undefined, silentMs: silentMs(id) };
      if (id !== config.id && !isUp(id)) return silent;
      const reply =
        id === config.id
          ? await this.answer({ kind: 'floor-report', timeoutMs })
          : await this.#ask(id, { kind: 'floor-report', timeoutMs }, signal);
      if (reply.kind !== 'floor-report') return silent;
      const { promiseMs, oldestHint, foreign } = reply;
      return { node: id, promiseMs, oldestHint, foreign };
    });
    return await Promise.all(answers);
  }

  /** What each owner of these partitions holds of them up to a time. */
  async #askOwners(
    partitions: readonly number[],
    upToMs: number,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<NodeId, StatesOfOwner>> {
    const { coordination, store, trees } = this.#options;
    const { config, placement } = coordination;
    const timeoutMs = config.timing.requestTimeoutMs;
    const owners = new Set(partitions.flatMap((partition) => placement.owners(partition)));
    const states = new Map<NodeId, StatesOfOwner>();
    const asked = [...owners].map(async (owner) => {
      const shared = partitions.filter((partition) => placement.owners(partition).includes(owner));
      const floors = shared.map((partition) => ({ partition, floorMs: store.floorOf(partition) }));
      const request = { kind: 'partition-sums', timeoutMs, upToMs, partitions: floors } as const;
      const reply: CallResult | HealingReply =
        owner === config.id ? await trees.answer(request) : await this.#ask(owner, request, signal);
      if (reply.kind !== 'partition-sums' || reply.states.length !== shared.length) return;
      states.set(owner, new Map(shared.map((partition, index) => pairOf(partition, reply.states[index]))));
    });
    await Promise.all(asked);
    return states;
  }

  /** Everybody is told: owners forget, the others refuse hints from below. Who misses it sees it later. */
  async #raise(floors: readonly PartitionFloor[], signal: AbortSignal): Promise<void> {
    const { config } = this.#options.coordination;
    const timeoutMs = config.timing.requestTimeoutMs;
    const peers = config.members.map((member) => member.id).filter((id) => id !== config.id);
    for (let from = 0; from < floors.length; from += limits.floorsPerMessage) {
      const some = floors.slice(from, from + limits.floorsPerMessage);
      const request = { kind: 'raise-floors', timeoutMs, floors: some } as const;
      await Promise.all([this.#adopt(some), ...peers.map((peer) => this.#ask(peer, request, signal))]);
    }
  }

  async #adopt(floors: readonly PartitionFloor[]): Promise<{ readonly dropped: number }> {
    const { store, coordination } = this.#options;
    return await adoptFloors({ store, observer: coordination.observer }, floors);
  }

  async #report(): Promise<FloorReport> {
    const { store, promise } = this.#options;
    const promiseMs = await promise.extend();
    // A hint that was taken before the promise may still be on its way into the store.
    await store.sync();
    const foreign = this.#foreign.filter((partition) => store.partitionSum(partition).count > 0);
    return { kind: 'floor-report', promiseMs, oldestHint: await store.oldestHint(), foreign };
  }

  #note(partitions: readonly number[], reason: string): void {
    const { observer } = this.#options.coordination;
    for (const partition of partitions) this.#reasons.set(partition, reason);
    if (reason !== '' && partitions.length > 0) observer.count('floor.blocked', partitions.length);
  }

  /** A node that stops does not wait for one that is silent. */
  #ask(
    peer: NodeId,
    request: Request & { readonly timeoutMs: number },
    signal: AbortSignal,
  ): Promise<CallResult> {
    return new Promise((resolve) => {
      const onAbort = (): void => resolve({ kind: 'unreachable' });
      if (signal.aborted) return onAbort();
      signal.addEventListener('abort', onAbort, { once: true });
      this.#options.coordination.calls.ask([peer], request, request.timeoutMs, (_, result) => {
        signal.removeEventListener('abort', onAbort);
        resolve(result);
      });
    });
  }
}

function ownerState(
  state: PartitionState | undefined,
): { readonly isComplete: boolean; readonly sum: PartitionState['sum'] } | undefined {
  return state === undefined ? undefined : { isComplete: state.completeness === 'complete', sum: state.sum };
}

const unanswered: PartitionState = {
  completeness: 'incomplete',
  floorMs: 0,
  sum: { high: 0, low: 0, count: 0 },
};

function pairOf(partition: number, state: PartitionState | undefined): readonly [number, PartitionState] {
  return [partition, state ?? unanswered];
}
