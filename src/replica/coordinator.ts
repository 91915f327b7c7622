/**
 * The coordinator of client requests: any node is one.
 *
 * A put or delete is given a dot later than anything this node or the client's context has seen, and travels
 * as a record; a refusal before that point means that the write was applied nowhere. Every request passes the
 * gate first (`admission-gate.ts`), and its time runs from its arrival there.
 */

import type { NodeId } from '../core/config.ts';
import type { Dot } from '../core/dot.ts';
import { errorCodeOf, errorMessageOf, type ErrorCode } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { encodeRecord, type VersionFields } from '../core/record.ts';
import { coordinateRead } from './coordinate-read.ts';
import { coordinateScan } from './coordinate-scan.ts';
import { coordinateWrite } from './coordinate-write.ts';
import { AdmissionGate, notMeasured, type RefusalReason } from './admission-gate.ts';
import { ManyRequests } from './many-requests.ts';
import type { Coordination } from './coordination.ts';
import type {
  PutRequest,
  ReadOutcome,
  RequestOptions,
  RequestsTogether,
  ScanOutcome,
  ScanRequest,
  WriteOutcome,
} from './node-api.ts';
import { ReadRepair } from './read-repair.ts';
import type { TreeResponder } from './tree-responder.ts';

type WriteFields = Omit<VersionFields, 'dot'>;

/** A longer value takes as long as it takes, which tells nothing of load. */
const typicalValueBytesMax = limits.sampledReplyBytesMax;

/** A request waits for its turn for this part of its time at most: the rest is for what it is about. */
const waitShare = 0.5;

type Refusals = Readonly<Record<RefusalReason, { readonly code: ErrorCode; readonly message: string }>>;

/** What a client is told that had no turn: by which node, that nothing happened, and what to do. */
function refusalsOf(node: NodeId): Refusals {
  const advice = 'Ask another node, or try again later, with backoff';
  return {
    'too-late': {
      code: 'OVERLOADED',
      message: `${node} has too much to do: the request waited for its turn for too long, and nothing of it was done. ${advice}`,
    },
    full: {
      code: 'OVERLOADED',
      message: `${node} has too much to do: ${limits.admissionQueueMax} requests wait for their turn, and nothing of this one was done. ${advice}`,
    },
    'client-gone': { code: 'OVERLOADED', message: 'the client has gone; nothing of its request was done' },
    stopping: { code: 'STOPPING', message: `${node} is stopping; ask another node` },
  };
}

export class Coordinator {
  /** What every client request passes. */
  readonly gate: AdmissionGate;
  readonly together: RequestsTogether;
  readonly #coordination: Coordination;
  readonly #readRepair: ReadRepair;
  readonly #actor: string;
  readonly #refusals: Refusals;
  #stopping = false;

  constructor(coordination: Coordination, actor: string) {
    this.#coordination = coordination;
    this.gate = new AdmissionGate(coordination);
    this.#readRepair = new ReadRepair(coordination);
    this.#actor = actor;
    this.#refusals = refusalsOf(coordination.config.id);
    this.together = new ManyRequests(coordination, this.#readRepair, {
      gate: this.gate,
      refusals: this.#refusals,
      waitShare,
      problemWith: (key, quorum, name) => this.#problemWith(key, quorum, name),
      stamp: () => this.#stamp(),
      put: (request) => this.put(request),
    });
  }

  /** Client requests that are not answered yet. */
  get inFlight(): number {
    return this.gate.inFlight + this.gate.queued;
  }

  put(request: PutRequest): Promise<WriteOutcome> {
    const { valueBytesMax } = this.#coordination.config;
    if (request.value.length > valueBytesMax) {
      return refused(
        'VALUE_TOO_LARGE',
        `a value has at most ${valueBytesMax} bytes, not ${request.value.length}`,
      );
    }
    const { key, value, contentType = '', expiresAtMs = 0 } = request;
    return this.#write(request, { key, value, contentType, expiresAtMs });
  }

  /** Writes a tombstone, also over a key that never existed: only the merge knows what another node holds. */
  delete(request: RequestOptions & { readonly key: Uint8Array }): Promise<WriteOutcome> {
    return this.#write(request, { key: request.key, tombstone: true });
  }

  async get(request: RequestOptions & { readonly key: Uint8Array }): Promise<ReadOutcome> {
    const { config } = this.#coordination;
    const r = request.r ?? config.quorum.r;
    const problem = this.#problemWith(request.key, r, 'r');
    if (problem !== undefined) {
      return { kind: 'unavailable', answered: 0, required: r, ...problem };
    }
    let timeoutMs = request.timeoutMs ?? config.timing.requestTimeoutMs;
    if (!this.gate.tryEnter()) {
      const admission = await this.gate.wait({ client: request.client, waitMsMax: waitShare * timeoutMs });
      if (admission.kind === 'refused') {
        return { kind: 'unavailable', answered: 0, required: r, ...this.#refusals[admission.reason] };
      }
      timeoutMs = Math.ceil(timeoutMs - admission.waitedMs);
    }
    const beganAtMs = this.gate.begin();
    let isTypical = false;
    try {
      const strict = (request.quorumMode ?? config.quorumMode) === 'strict';
      const outcome = await coordinateRead(this.#coordination, this.#readRepair, {
        key: request.key,
        r,
        strict,
        timeoutMs,
      });
      isTypical =
        outcome.kind === 'missing' ||
        (outcome.kind === 'found' && outcome.version.value.length <= typicalValueBytesMax);
      return outcome;
    } finally {
      this.gate.leave(beganAtMs, isTypical);
    }
  }

  /** One page of all keys; `trees` answers for this node's own share. */
  async scan(request: ScanRequest, trees: Pick<TreeResponder, 'answer'>): Promise<ScanOutcome> {
    const { config } = this.#coordination;
    const { from, limit, r = config.quorum.r } = request;
    let { timeoutMs = config.timing.requestTimeoutMs } = request;
    const refused = { kind: 'unavailable', answered: 0, required: r } as const;
    if (this.#stopping) return { ...refused, ...this.#refusals.stopping };
    if (!this.gate.tryEnter()) {
      const admission = await this.gate.wait({ client: request.client, waitMsMax: waitShare * timeoutMs });
      if (admission.kind === 'refused') return { ...refused, ...this.#refusals[admission.reason] };
      timeoutMs = Math.ceil(timeoutMs - admission.waitedMs);
    }
    try {
      return await coordinateScan(this.#coordination, trees, { from, limit, r, timeoutMs });
    } finally {
      this.gate.leave(notMeasured, false);
    }
  }

  /** Refuses new requests from now on, and those that have not begun. */
  stop(): void {
    this.#stopping = true;
    this.gate.stop();
  }

  async #write(request: RequestOptions, fields: WriteFields): Promise<WriteOutcome> {
    const { config, checksum } = this.#coordination;
    const w = request.w ?? config.quorum.w;
    const problem = this.#problemWith(fields.key, w, 'w');
    if (problem !== undefined) return { kind: 'refused', ...problem };
    let timeoutMs = request.timeoutMs ?? config.timing.requestTimeoutMs;
    if (!this.gate.tryEnter()) {
      const admission = await this.gate.wait({ client: request.client, waitMsMax: waitShare * timeoutMs });
      if (admission.kind === 'refused') return { kind: 'refused', ...this.#refusals[admission.reason] };
      timeoutMs = Math.ceil(timeoutMs - admission.waitedMs);
    }
    const beganAtMs = this.gate.begin();
    let isTypical = false;
    try {
      const dot = await this.#mint(request.context);
      if ('code' in dot) return dot;
      const record = encodeRecord({ ...fields, dot }, checksum);
      const strict = (request.quorumMode ?? config.quorumMode) === 'strict';
      const outcome = await coordinateWrite(this.#coordination, record, { w, strict, timeoutMs });
      isTypical = outcome.kind === 'stored' && record.bytes.length <= typicalValueBytesMax;
      return outcome;
    } catch (error) {
      // Nothing was sent yet: coordinateWrite itself never rejects.
      return { kind: 'refused', code: errorCodeOf(error), message: errorMessageOf(error) };
    } finally {
      this.gate.leave(beganAtMs, isTypical);
    }
  }

  /** A dot later than all that was seen, or why there is none. */
  async #mint(context: Dot | undefined): Promise<Dot | (WriteOutcome & { kind: 'refused' })> {
    const { nodeClock, config } = this.#coordination;
    if (context !== undefined && !nodeClock.observe(context)) {
      return {
        kind: 'refused',
        code: 'CLOCK_SKEW',
        message: `the causal context is stamped more than ${config.timing.clockSkewMsMax} ms ahead of this node's clock`,
      };
    }
    await nodeClock.reserve();
    return this.#stamp();
  }

  /** The same once there is room below the clock's bound. */
  #stamp(): Dot | (WriteOutcome & { kind: 'refused' }) {
    const { nodeClock } = this.#coordination;
    const time = nodeClock.mint();
    if (time === undefined) {
      return {
        kind: 'refused',
        code: 'CLOCK_AHEAD',
        message:
          'the wall clock of this node was set back, so it cannot stamp a write that its peers would accept. ' +
          'Write through another node, and check the clock (NTP) of this one.',
      };
    }
    return { wallMs: time.wallMs, counter: time.counter, actor: this.#actor };
  }

  #problemWith(
    key: Uint8Array,
    quorum: number,
    name: 'r' | 'w',
  ): { readonly code: ErrorCode; readonly message: string } | undefined {
    const { n } = this.#coordination.config.quorum;
    if (this.#stopping) return this.#refusals.stopping;
    if (key.length === 0) return { code: 'MISSING_KEY', message: 'missing key' };
    if (key.length > limits.keyBytesMax) {
      return { code: 'KEY_TOO_LARGE', message: `a key has at most ${limits.keyBytesMax} bytes` };
    }
    if (!Number.isInteger(quorum) || quorum < 1 || quorum > n) {
      return { code: 'BAD_REQUEST', message: `${name} must be a whole number from 1 to ${n}` };
    }
    return undefined;
  }
}

function refused(code: ErrorCode, message: string): Promise<WriteOutcome> {
  return Promise.resolve({ kind: 'refused', code, message });
}
