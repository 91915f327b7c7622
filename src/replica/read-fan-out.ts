/**
 * Whom a read asks, one after the other: the first few at once, another for each that fails, and one more when answers
 * are overdue.
 *
 * The full record is asked of one replica and versions of the others (Riak's head requests); whoever takes the place
 * of a record-holder that fails or is slow is asked for the record too. Overdue answers are hedged within the share that
 * hedge-pacing.ts allows; a replica that is suspect or down by now is replaced without counting. Every replica
 * is asked by the plan at most once, so a read costs N requests at worst.
 */

import type { NodeId } from '../core/config.ts';
import { preferenceOf, type Coordination } from './coordination.ts';
import type { CallResult } from './remote-calls.ts';
import { planRead } from './routing.ts';
import { tokenOf } from '../core/token.ts';

export type Want = 'record' | 'digest';

/** One read in this many asks all N, so that replicas that no quorum needs are compared too. */
export const askAllOneIn = 32;

interface Asked {
  readonly node: NodeId;
  readonly want: Want;
  readonly sentAtMs: number;
  /** False for a probe: the read does not wait for it. */
  readonly isNeeded: boolean;
}

export class ReadFanOut {
  readonly #coordination: Coordination;
  readonly #key: Uint8Array;
  readonly #deadlineMs: number;
  readonly #onResult: (from: NodeId, result: CallResult) => void;
  /** Nodes that have not been asked yet, best first. */
  readonly #reserve: NodeId[];
  readonly #waiting: Asked[] = [];

  constructor(
    coordination: Coordination,
    options: {
      readonly key: Uint8Array;
      /** When the read is answered, whatever is known: of the monotonic clock. */
      readonly deadlineMs: number;
      /** Called once for each request, after it counts as answered. */
      readonly onResult: (from: NodeId, result: CallResult) => void;
    },
  ) {
    this.#coordination = coordination;
    this.#key = options.key;
    this.#deadlineMs = options.deadlineMs;
    this.#onResult = options.onResult;
    const { config, placement, isUp, suspicion } = coordination;
    this.#reserve = planRead({
      preference: preferenceOf(placement, tokenOf(options.key)),
      coordinator: config.id,
      isUp,
      rank: suspicion.anyDemoted ? (node) => suspicion.rank(node) : undefined,
    });
  }

  /** Nobody is left to answer. */
  get isExhausted(): boolean {
    return this.#waiting.length === 0 && this.#reserve.length === 0;
  }

  get hasReserve(): boolean {
    return this.#reserve.length > 0;
  }

  /** Whether this node, or any, has still to answer a request for the full record. */
  isAskedForRecord(node?: NodeId): boolean {
    return this.#waiting.some(
      (asked) => asked.want === 'record' && (node === undefined || asked.node === node),
    );
  }

  isWaitingFor(node: NodeId): boolean {
    return this.#waiting.some((asked) => asked.node === node);
  }

  /** Asks as many as must answer, now and then all, and besides them a suspect that is due for a probe. */
  askFirst(required: number): void {
    const { random, suspicion, clock } = this.#coordination;
    const first = this.#reserve.shift();
    if (first === undefined) return;
    const askAll = random.below(askAllOneIn) === 0;
    const others = this.#reserve.splice(0, askAll ? this.#reserve.length : required - 1);
    this.ask([first], 'record');
    this.ask(others, 'digest');
    if (!suspicion.anyDemoted) return;
    const nowMs = clock.monotonicNow();
    const probed = this.#reserve.findIndex((node) => suspicion.takeProbe(node, nowMs));
    if (probed >= 0) this.#send(this.#reserve.splice(probed, 1), 'digest', false);
  }

  /** Asks the best node that was not asked yet; undefined when there is none. */
  askNext(want: Want): NodeId | undefined {
    const next = this.#reserve.shift();
    if (next !== undefined) this.ask([next], want);
    return next;
  }

  ask(nodes: readonly NodeId[], want: Want): void {
    this.#send(nodes, want, true);
  }

  /** Tells the failure detector who keeps this read waiting. */
  noteWaiting(nowMs: number): void {
    const { suspicion } = this.#coordination;
    for (const { node, sentAtMs } of this.#waiting) suspicion.waitedFor(node, { sentAtMs, nowMs });
  }

  /** Whether one more may be asked although others have still to answer. */
  mayAskAnother(): boolean {
    return this.isStuck || mayHedge(this.#coordination);
  }

  /** Whether it waits for somebody who is not expected to answer any more, or soon. */
  get isStuck(): boolean {
    const { suspicion, isUp } = this.#coordination;
    return this.#waiting.some(({ node, isNeeded }) => isNeeded && (suspicion.isSuspect(node) || !isUp(node)));
  }

  #send(nodes: readonly NodeId[], want: Want, isNeeded: boolean): void {
    const { config, calls, replica, clock } = this.#coordination;
    const sentAtMs = clock.monotonicNow();
    for (const node of nodes) this.#waiting.push({ node, want, sentAtMs, isNeeded });
    const peers = nodes.filter((node) => node !== config.id);
    if (peers.length > 0) {
      // Whoever is asked later has less time: nobody waits beyond the read's own deadline.
      const timeoutMs = Math.max(1, Math.ceil(this.#deadlineMs - sentAtMs));
      const request = { kind: 'get', timeoutMs, want, key: this.#key } as const;
      calls.ask(peers, request, timeoutMs, (peer, result) => this.#end(peer, want, result));
    }
    if (peers.length < nodes.length) {
      void Promise.resolve(replica.get(this.#key, want)).then((reply) => this.#end(config.id, want, reply));
    }
  }

  #end(node: NodeId, want: Want, result: CallResult): void {
    const index = this.#waiting.findIndex((asked) => asked.node === node && asked.want === want);
    this.#waiting.splice(index, 1);
    this.#onResult(node, result);
  }
}

/** Whether the share of reads that may ask one more has room for another; taken and counted. */
export function mayHedge({ hedging, observer }: Pick<Coordination, 'hedging' | 'observer'>): boolean {
  const isTaken = hedging.takeHedge();
  observer.count(isTaken ? 'reads.hedged' : 'reads.hedges-left-out');
  return isTaken;
}
