/**
 * Requests of clients that came together: admitted, checked and stamped one by one, and sent together where their nodes
 * are the same.
 *
 * Those that have to wait for their turn at the gate go on together with whichever have theirs in the same turn of the event
 * loop. Everything out of the ordinary goes the way of a single request: a long value, options of its own, an owner that
 * is down.
 */

import type { Dot } from '../core/dot.ts';
import { errorCodeOf, errorMessageOf, type ErrorCode } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { encodeRecord } from '../core/record.ts';
import { tokenOf } from '../core/token.ts';
import type { AdmissionGate, RefusalReason, WaitingClient } from './admission-gate.ts';
import { coordinateRead } from './coordinate-read.ts';
import { coordinateReads, type KeyRead } from './coordinate-read-many.ts';
import { coordinateWrite, type WriteOptions } from './coordinate-write.ts';
import { coordinateWrites, type StampedWrite } from './coordinate-write-many.ts';
import type { Coordination } from './coordination.ts';
import {
  goesWithOthers,
  type KeyRequest,
  type OnOutcome,
  type PutRequest,
  type ReadOutcome,
  type RequestsTogether,
  type WriteOutcome,
} from './node-api.ts';
import type { ReadRepair } from './read-repair.ts';
import { RequestGroups, RequestRoutes, type Route } from './request-groups.ts';

/** A longer value has a message to itself. */
const valueBytesTogetherMax = limits.keysAtOnceBytesMax / 4;
/** An owner is a bit of a number. */
const ownersMax = 31;

interface Refusal {
  readonly code: ErrorCode;
  readonly message: string;
}

/** What the coordinator of single requests decides for all of them. */
export interface SingleRequests {
  readonly gate: AdmissionGate;
  readonly refusals: Readonly<Record<RefusalReason, Refusal>>;
  /** The part of its time that a request may wait for its turn. */
  readonly waitShare: number;
  problemWith(key: Uint8Array, quorum: number, name: 'r' | 'w'): Refusal | undefined;
  /** A dot later than all that was seen, or why there is none. The clock's bound has been reserved. */
  stamp(): Dot | (WriteOutcome & { kind: 'refused' });
  put(request: PutRequest): Promise<WriteOutcome>;
}

/** A read or a write whose turn has come. */
interface Admitted<Request, Outcome> {
  readonly request: Request;
  readonly waitedMs: number;
  /** Called once. */
  readonly resolve: (outcome: Outcome) => void;
}

export class ManyRequests implements RequestsTogether {
  readonly #coordination: Coordination;
  readonly #readRepair: ReadRepair;
  readonly #single: SingleRequests;
  readonly #routes: RequestRoutes;
  #reads: Admitted<KeyRequest, ReadOutcome>[] = [];
  #writes: Admitted<PutRequest, WriteOutcome>[] = [];
  #isSendDue = false;

  constructor(coordination: Coordination, readRepair: ReadRepair, single: SingleRequests) {
    this.#coordination = coordination;
    this.#readRepair = readRepair;
    this.#single = single;
    this.#routes = new RequestRoutes(coordination);
  }

  get(requests: readonly KeyRequest[], onOutcome: OnOutcome<ReadOutcome>): void {
    const { config } = this.#coordination;
    const { gate } = this.#single;
    const { r } = config.quorum;
    for (const [index, request] of requests.entries()) {
      const refuse = (problem: Refusal): void =>
        onOutcome(index, { kind: 'unavailable', answered: 0, required: r, ...problem });
      const problem = this.#single.problemWith(request.key, r, 'r');
      if (problem !== undefined) {
        refuse(problem);
        continue;
      }
      this.#admit(request.client, refuse, (waitedMs) => {
        const beganAtMs = gate.begin();
        const resolve = (outcome: ReadOutcome): void => {
          gate.leave(beganAtMs, outcome.kind !== 'unavailable' && !isLong(outcome));
          onOutcome(index, outcome);
        };
        this.#reads.push({ request, waitedMs, resolve });
      });
    }
    this.#send();
  }

  put(requests: readonly PutRequest[], onOutcome: OnOutcome<WriteOutcome>): void {
    const { config } = this.#coordination;
    const { gate } = this.#single;
    const { w } = config.quorum;
    for (const [index, request] of requests.entries()) {
      if (request.value.length > valueBytesTogetherMax || !goesWithOthers(request)) {
        void this.#single.put(request).then((outcome) => onOutcome(index, outcome));
        continue;
      }
      const refuse = (problem: Refusal): void => onOutcome(index, { kind: 'refused', ...problem });
      const problem = this.#single.problemWith(request.key, w, 'w');
      if (problem !== undefined) {
        refuse(problem);
        continue;
      }
      this.#admit(request.client, refuse, (waitedMs) => {
        const beganAtMs = gate.begin();
        const resolve = (outcome: WriteOutcome): void => {
          gate.leave(beganAtMs, outcome.kind === 'stored');
          onOutcome(index, outcome);
        };
        this.#writes.push({ request, waitedMs, resolve });
      });
    }
    this.#send();
  }

  /** Lets a request begin: at once, or when its turn has come. */
  #admit(
    client: WaitingClient | undefined,
    refuse: (problem: Refusal) => void,
    begin: (waitedMs: number) => void,
  ): void {
    const { gate, refusals, waitShare } = this.#single;
    if (gate.tryEnter()) {
      begin(0);
      return;
    }
    const waitMsMax = waitShare * this.#coordination.config.timing.requestTimeoutMs;
    void gate.wait({ client, waitMsMax }).then((admission) => {
      if (admission.kind === 'refused') {
        refuse(refusals[admission.reason]);
        return;
      }
      begin(admission.waitedMs);
      this.#sendLater();
    });
  }

  #sendLater(): void {
    if (this.#isSendDue) return;
    this.#isSendDue = true;
    this.#coordination.clock.nextTurn(() => {
      this.#isSendDue = false;
      this.#send();
    });
  }

  #send(): void {
    const [reads, writes] = [this.#reads, this.#writes];
    this.#reads = [];
    this.#writes = [];
    if (reads.length > 0) this.#sendReads(reads);
    if (writes.length === 0) return;
    const reserved = this.#coordination.nodeClock.reserve();
    if (reserved === undefined) {
      this.#sendWrites(writes);
      return;
    }
    reserved.then(
      () => this.#sendWrites(writes),
      (error: unknown) => {
        const outcome = {
          kind: 'refused',
          code: errorCodeOf(error),
          message: errorMessageOf(error),
        } as const;
        for (const { resolve } of writes) resolve(outcome);
      },
    );
  }

  #sendReads(reads: readonly Admitted<KeyRequest, ReadOutcome>[]): void {
    const timeoutMs = this.#timeLeft(reads);
    this.#routes.look();
    const groups = new RequestGroups<KeyRead>((route, ofRoute) => this.#read(route, ofRoute, timeoutMs));
    for (const { request, resolve } of reads) {
      const { key } = request;
      groups.add(this.#routes.routeOf(tokenOf(key)), { key, resolve }, key.length);
    }
    groups.finish();
  }

  #sendWrites(writes: readonly Admitted<PutRequest, WriteOutcome>[]): void {
    const { config, checksum } = this.#coordination;
    const options: WriteOptions = {
      w: config.quorum.w,
      strict: config.quorumMode === 'strict',
      timeoutMs: this.#timeLeft(writes),
    };
    this.#routes.look();
    const groups = new RequestGroups<StampedWrite>((route, ofRoute) =>
      coordinateWrites(this.#coordination, ofRoute, route.owners, options),
    );
    for (const { request, resolve } of writes) {
      const { key, value, contentType = '', expiresAtMs = 0 } = request;
      const dot = this.#single.stamp();
      if ('code' in dot) {
        resolve(dot);
        continue;
      }
      try {
        const record = encodeRecord({ key, value, contentType, expiresAtMs, dot }, checksum);
        const route = this.#routes.routeOf(record.token);
        const owners = route.owners.length;
        if (route.isWhole && owners >= options.w && owners <= ownersMax) {
          groups.add(route, { record, resolve }, record.bytes.length);
        } else {
          void coordinateWrite(this.#coordination, record, options).then(resolve);
        }
      } catch (error) {
        resolve({ kind: 'refused', code: errorCodeOf(error), message: errorMessageOf(error) });
      }
    }
    groups.finish();
  }

  #read(route: Route, reads: readonly KeyRead[], timeoutMs: number): void {
    const { config, suspicion } = this.#coordination;
    const { r } = config.quorum;
    const strict = config.quorumMode === 'strict';
    const readAlone = ({ key, resolve }: KeyRead, remainingMs: number): void => {
      const request = { key, r, strict, timeoutMs: remainingMs };
      void coordinateRead(this.#coordination, this.#readRepair, request).then(resolve);
    };
    // Whoever is suspect is asked again now and then, which single reads see to.
    const alone = suspicion.anyDemoted ? reads.slice(0, 1) : [];
    for (const read of alone) readAlone(read, timeoutMs);
    const together = reads.slice(alone.length);
    if (together.length === 0) return;
    const witnesses = strict ? route.owners : route.nodes;
    const options = { r, timeoutMs, witnesses, readAlone };
    coordinateReads(this.#coordination, this.#readRepair, together, route.nodes, options);
  }

  /** Requests that go together have the time of the one that has waited longest. */
  #timeLeft(admitted: readonly { readonly waitedMs: number }[]): number {
    let waitedMs = 0;
    for (const request of admitted) waitedMs = Math.max(waitedMs, request.waitedMs);
    return Math.max(1, Math.ceil(this.#coordination.config.timing.requestTimeoutMs - waitedMs));
  }
}

function isLong(outcome: ReadOutcome): boolean {
  return outcome.kind === 'found' && outcome.version.value.length > limits.sampledReplyBytesMax;
}
