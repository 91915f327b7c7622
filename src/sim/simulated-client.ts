/**
 * A client of a simulated cluster for applications' tests: what an application would do over HTTP.
 *
 * A client reaches every node that runs, also across partitions, which are between nodes. Nothing is tried again:
 * that is for the code under test to decide.
 */

import { formatDot, parseDot, type Dot } from '../core/dot.ts';
import { StoreError } from '../core/errors.ts';
import type { NodeApi, RequestOptions, WriteOutcome } from '../replica/node-api.ts';
import type { SimClient } from './sim-client.ts';
import type { SimNode } from './sim-node.ts';

/** Per request: the quorum instead of the cluster's, and the `context` of what was read before. */
export interface SimulatedRequest {
  readonly r?: number;
  readonly w?: number;
  readonly timeoutMs?: number;
  /** From a read or write of the same key: the write wins over that version whatever the clocks say. */
  readonly context?: string | undefined;
}

export interface SimulatedWrite {
  /**
   * `stored`: durable at W nodes. `unknown`: some may have it. `refused`: applied nowhere. `lost`: the node died or
   * took too long, so nobody knows. `not-sent`: the node did not run.
   */
  readonly kind: 'stored' | 'unknown' | 'refused' | 'lost' | 'not-sent';
  /** Why, such as `QUORUM_NOT_MET`; undefined when stored. */
  readonly code: string | undefined;
  /** Names the version written, where one is known. */
  readonly context: string | undefined;
}

export interface SimulatedRead {
  /** `missing` rests on R answers; `unavailable`, `lost` and `not-sent` know nothing. */
  readonly kind: 'found' | 'missing' | 'unavailable' | 'lost' | 'not-sent';
  readonly code: string | undefined;
  readonly context: string | undefined;
  readonly value: Uint8Array | undefined;
  /** The value as UTF-8. */
  readonly text: string | undefined;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export class SimulatedClient {
  readonly #client: SimClient;
  readonly #nodeFor: () => SimNode;

  /** `nodeFor` chooses the node of each request. */
  constructor(client: SimClient, nodeFor: () => SimNode) {
    this.#client = client;
    this.#nodeFor = nodeFor;
  }

  /** Stores a value; text is stored as UTF-8. */
  async put(
    key: string,
    value: string | Uint8Array,
    options: SimulatedRequest = {},
  ): Promise<SimulatedWrite> {
    // The caller may go on to use its bytes.
    const bytes = typeof value === 'string' ? encoder.encode(value) : value.slice();
    const request = { ...requestOf(key, options), value: bytes };
    return await this.#write((api) => api.put(request));
  }

  async delete(key: string, options: SimulatedRequest = {}): Promise<SimulatedWrite> {
    const request = requestOf(key, options);
    return await this.#write((api) => api.delete(request));
  }

  async get(key: string, options: SimulatedRequest = {}): Promise<SimulatedRead> {
    const request = requestOf(key, options);
    const outcome = await this.#client.call(this.#nodeFor(), (api) => api.get(request));
    const nothing = { code: undefined, context: undefined, value: undefined, text: undefined };
    switch (outcome.kind) {
      case 'found': {
        const { value, dot } = outcome.version;
        return {
          ...nothing,
          kind: 'found',
          context: formatDot(dot),
          value: value.slice(),
          text: decoder.decode(value),
        };
      }
      case 'missing':
        return { ...nothing, kind: 'missing', context: contextOf(outcome.digest?.dot) };
      case 'unavailable':
        return { ...nothing, kind: 'unavailable', code: outcome.code };
      default:
        return { ...nothing, kind: outcome.kind };
    }
  }

  async #write(request: (api: NodeApi) => Promise<WriteOutcome>): Promise<SimulatedWrite> {
    const outcome = await this.#client.call(this.#nodeFor(), request);
    return {
      kind: outcome.kind,
      code: 'code' in outcome ? outcome.code : undefined,
      context: 'dot' in outcome ? formatDot(outcome.dot) : undefined,
    };
  }
}

function contextOf(dot: Dot | undefined): string | undefined {
  return dot === undefined ? undefined : formatDot(dot);
}

function requestOf(
  key: string,
  { context, ...others }: SimulatedRequest,
): RequestOptions & { readonly key: Uint8Array } {
  const request = { ...others, key: encoder.encode(key) };
  if (context === undefined) return request;
  const dot = parseDot(context);
  if (dot === undefined) throw new StoreError('BAD_REQUEST', `${context} is no context of a read or write`);
  return { ...request, context: dot };
}
