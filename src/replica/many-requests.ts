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
import { encodeRecord, type StoredRecord } from '../core/record.ts';
import { tokenOf } from '../core/token.ts';
import type { AdmissionGate, RefusalReason } from './admission-gate.ts';
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

/** Requests that were asked for together, and who is told of each by its position. */
interface Call<Outcome> {
  readonly gate: AdmissionGate;
  readonly onOutcome: OnOutcome<Outcome>;
  readonly refusal: (problem: Refusal) => Outcome;
  /** Whether what an outcome took tells of load. */
  readonly isTypical: (outcome: Outcome) => boolean;
}

/** A read or a write, counted at the gate from when its turn comes until its outcome. One object, no closures: a node begins many. */
class Admitted<Request, Outcome> {
  readonly request: Request;
  readonly #call: Call<Outcome>;
  readonly #index: number;
  #beganAtMs = 0;
  #waitedMs = 0;

  constructor(request: Request, call: Call<Outcome>, index: number) {
    this.request = request;
    this.#call = call;
    this.#index = index;
  }

  get waitedMs(): number {
    return this.#waitedMs;
  }

  /** Its turn has come. */
  begin(waitedMs: number): void {
    this.#waitedMs = waitedMs;
    this.#beganAtMs = this.#call.gate.begin();
  }

  /** It never began. */
  refuse(problem: Refusal): void {
    this.#call.onOutcome(this.#index, this.#call.refusal(problem));
  }

  /** Called once, unless it was refused. */
  resolve(outcome: Outcome): void {
    const { gate, onOutcome, isTypical } = this.#call;
    gate.leave(this.#beganAtMs, isTypical(outcome));
    onOutcome(this.#index, outcome);
  }
}

type Refusable = Pick<Admitted<KeyRequest, unknown>, 'request' | 'refuse'>;
type AdmittedRead = Admitted<KeyRequest, ReadOutcome>;
type AdmittedWrite = Admitted<PutRequest, WriteOutcome>;

class AdmittedKeyRead implements KeyRead {
  readonly #read: AdmittedRead;

  constructor(read: AdmittedRead) {
    this.#read = read;
  }

  get key(): Uint8Array {
    return this.#read.request.key;
  }

  resolve(outcome: ReadOutcome): void {
    this.#read.resolve(outcome);
  }
}

class AdmittedStampedWrite implements StampedWrite {
  readonly record: StoredRecord;
  readonly #write: AdmittedWrite;

  constructor(record: StoredRecord, write: AdmittedWrite) {
    this.record = record;
    this.#write = write;
  }

  resolve(outcome: WriteOutcome): void {
    this.#write.resolve(outcome);
  }
}

export class ManyRequests implements RequestsTogether {
  readonly #coordination: Coordination;
  readonly #readRepair: ReadRepair;
  readonly #single: SingleRequests;
  readonly #routes: RequestRoutes;
  #reads: AdmittedRead[] = [];
  #writes: AdmittedWrite[] = [];
  #isSendDue = false;

  constructor(coordination: Coordination, readRepair: ReadRepair, single: SingleRequests) {
    this.#coordination = coordination;
    this.#readRepair = readRepair;
    this.#single = single;
    this.#routes = new RequestRoutes(coordination);
  }

  get(requests: readonly KeyRequest[], onOutcome: OnOutcome<ReadOutcome>): void {
    const { gate } = this.#single;
    const { r } = this.#coordination.config.quorum;
    const call: Call<ReadOutcome> = {
      gate,
      onOutcome,
      refusal: (problem) => ({ kind: 'unavailable', answered: 0, required: r, ...problem }),
      isTypical: (outcome) => outcome.kind !== 'unavailable' && !isLong(outcome),
    };
    let index = 0;
    for (const request of requests) {
      const read = new Admitted(request, call, index++);
      const problem = this.#single.problemWith(request.key, r, 'r');
      if (problem !== undefined) read.refuse(problem);
      else if (gate.tryEnter()) this.#beginRead(read, 0);
      else this.#waitToRead(read);
    }
    this.#send();
  }

  put(requests: readonly PutRequest[], onOutcome: OnOutcome<WriteOutcome>): void {
    const { gate } = this.#single;
    const { w } = this.#coordination.config.quorum;
    const call: Call<WriteOutcome> = {
      gate,
      onOutcome,
      refusal: (problem) => ({ kind: 'refused', ...problem }),
      isTypical: (outcome) => outcome.kind === 'stored',
    };
    let index = 0;
    for (const request of requests) {
      const at = index++;
      if (request.value.length > valueBytesTogetherMax || !goesWithOthers(request)) {
        this.#putAlone(request, at, onOutcome);
        continue;
      }
      const write = new Admitted(request, call, at);
      const problem = this.#single.problemWith(request.key, w, 'w');
      if (problem !== undefined) write.refuse(problem);
      else if (gate.tryEnter()) this.#beginWrite(write, 0);
      else this.#waitToWrite(write);
    }
    this.#send();
  }

  #putAlone(request: PutRequest, index: number, onOutcome: OnOutcome<WriteOutcome>): void {
    void this.#single.put(request).then((outcome) => onOutcome(index, outcome));
  }

  #beginRead(read: AdmittedRead, waitedMs: number): void {
    read.begin(waitedMs);
    this.#reads.push(read);
  }

  #beginWrite(write: AdmittedWrite, waitedMs: number): void {
    write.begin(waitedMs);
    this.#writes.push(write);
  }

  #waitToRead(read: AdmittedRead): void {
    this.#wait(read, (waitedMs) => this.#beginRead(read, waitedMs));
  }

  #waitToWrite(write: AdmittedWrite): void {
    this.#wait(write, (waitedMs) => this.#beginWrite(write, waitedMs));
  }

  /** Lets a request begin when its turn has come. */
  #wait(waiting: Refusable, begin: (waitedMs: number) => void): void {
    const { gate, refusals, waitShare } = this.#single;
    const waitMsMax = waitShare * this.#coordination.config.timing.requestTimeoutMs;
    void gate.wait({ client: waiting.request.client, waitMsMax }).then((admission) => {
      if (admission.kind === 'refused') {
        waiting.refuse(refusals[admission.reason]);
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
        for (const write of writes) write.resolve(outcome);
      },
    );
  }

  #sendReads(reads: readonly AdmittedRead[]): void {
    const timeoutMs = this.#timeLeft(reads);
    this.#routes.look();
    const groups = new RequestGroups<KeyRead>((route, ofRoute) => this.#read(route, ofRoute, timeoutMs));
    for (const read of reads) {
      const { key } = read.request;
      groups.add(this.#routes.routeOf(tokenOf(key)), new AdmittedKeyRead(read), key.length);
    }
    groups.finish();
  }

  #sendWrites(writes: readonly AdmittedWrite[]): void {
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
    for (const write of writes) {
      const { key, value, contentType = '', expiresAtMs = 0 } = write.request;
      const dot = this.#single.stamp();
      if ('code' in dot) {
        write.resolve(dot);
        continue;
      }
      try {
        const record = encodeRecord({ key, value, contentType, expiresAtMs, dot }, checksum);
        const route = this.#routes.routeOf(record.token);
        const owners = route.owners.length;
        if (route.isWhole && owners >= options.w && owners <= ownersMax) {
          groups.add(route, new AdmittedStampedWrite(record, write), record.bytes.length);
        } else {
          this.#writeAlone(record, options, write);
        }
      } catch (error) {
        write.resolve({ kind: 'refused', code: errorCodeOf(error), message: errorMessageOf(error) });
      }
    }
    groups.finish();
  }

  #writeAlone(record: StoredRecord, options: WriteOptions, write: AdmittedWrite): void {
    void coordinateWrite(this.#coordination, record, options).then((outcome) => write.resolve(outcome));
  }

  #read(route: Route, reads: readonly KeyRead[], timeoutMs: number): void {
    const { config, suspicion } = this.#coordination;
    const { r } = config.quorum;
    const strict = config.quorumMode === 'strict';
    const readAlone = (read: KeyRead, remainingMs: number): void => {
      const request = { key: read.key, r, strict, timeoutMs: remainingMs };
      void coordinateRead(this.#coordination, this.#readRepair, request).then((outcome) =>
        read.resolve(outcome),
      );
    };
    // Whoever is suspect is asked again now and then, which single reads see to.
    const alone = suspicion.anyDemoted ? reads.slice(0, 1) : [];
    for (const read of alone) readAlone(read, timeoutMs);
    const together = reads.slice(alone.length);
    if (together.length === 0) return;
    const nodes = this.#routes.takeOrder(route);
    const witnesses = strict ? route.owners : nodes;
    const options = { r, timeoutMs, witnesses, readAlone };
    coordinateReads(this.#coordination, this.#readRepair, together, nodes, options);
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
