/**
 * The coordinator of client requests: any node is one.
 *
 * A put or delete is given a dot later than anything this node or the client's context has seen, and travels
 * as a record; a refusal before that point means that the write was applied nowhere.
 */

import type { Dot } from '../core/dot.ts';
import { errorCodeOf, errorMessageOf, type ErrorCode } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { encodeRecord, type VersionFields } from '../core/record.ts';
import { coordinateRead } from './coordinate-read.ts';
import { coordinateScan } from './coordinate-scan.ts';
import { coordinateWrite } from './coordinate-write.ts';
import type { Coordination } from './coordination.ts';
import type {
  PutRequest,
  ReadOutcome,
  RequestOptions,
  ScanOutcome,
  ScanRequest,
  WriteOutcome,
} from './node-api.ts';
import { ReadRepair } from './read-repair.ts';
import type { TreeResponder } from './tree-responder.ts';

type WriteFields = Omit<VersionFields, 'dot'>;

export class Coordinator {
  readonly #coordination: Coordination;
  readonly #readRepair: ReadRepair;
  readonly #actor: string;
  #stopping = false;
  #inFlight = 0;

  constructor(coordination: Coordination, actor: string) {
    this.#coordination = coordination;
    this.#readRepair = new ReadRepair(coordination);
    this.#actor = actor;
  }

  /** Client requests that are not answered yet. */
  get inFlight(): number {
    return this.#inFlight;
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
    const timeoutMs = request.timeoutMs ?? config.timing.requestTimeoutMs;
    this.#inFlight++;
    try {
      const strict = (request.quorumMode ?? config.quorumMode) === 'strict';
      return await coordinateRead(this.#coordination, this.#readRepair, {
        key: request.key,
        r,
        strict,
        timeoutMs,
      });
    } finally {
      this.#inFlight--;
    }
  }

  /** One page of all keys; `trees` answers for this node's own share. */
  async scan(request: ScanRequest, trees: Pick<TreeResponder, 'answer'>): Promise<ScanOutcome> {
    const { quorum, timing } = this.#coordination.config;
    const { from, limit, r = quorum.r, timeoutMs = timing.requestTimeoutMs } = request;
    if (this.#stopping) {
      const message = 'this node is stopping; ask another';
      return { kind: 'unavailable', code: 'STOPPING', answered: 0, required: r, message };
    }
    return await coordinateScan(this.#coordination, trees, { from, limit, r, timeoutMs });
  }

  /** Refuses new requests from now on. */
  stop(): void {
    this.#stopping = true;
  }

  async #write(request: RequestOptions, fields: WriteFields): Promise<WriteOutcome> {
    const { config, checksum } = this.#coordination;
    const w = request.w ?? config.quorum.w;
    const problem = this.#problemWith(fields.key, w, 'w');
    if (problem !== undefined) return { kind: 'refused', ...problem };
    this.#inFlight++;
    try {
      const dot = await this.#mint(request.context);
      if ('code' in dot) return dot;
      const record = encodeRecord({ ...fields, dot }, checksum);
      const timeoutMs = request.timeoutMs ?? config.timing.requestTimeoutMs;
      const strict = (request.quorumMode ?? config.quorumMode) === 'strict';
      return await coordinateWrite(this.#coordination, record, { w, strict, timeoutMs });
    } catch (error) {
      // Nothing was sent yet: coordinateWrite itself never rejects.
      return { kind: 'refused', code: errorCodeOf(error), message: errorMessageOf(error) };
    } finally {
      this.#inFlight--;
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
    if (this.#stopping) return { code: 'STOPPING', message: 'this node is stopping; ask another' };
    if (this.#inFlight >= limits.requestsInFlightMax) {
      return { code: 'OVERLOADED', message: `${this.#inFlight} requests are under way; try again later` };
    }
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
