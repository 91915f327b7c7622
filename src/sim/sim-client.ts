/**
 * A client of the simulated cluster: requests travel, and answers may not come back.
 *
 * A client's connection is TCP: a request is carried out at most once. When the node dies, or takes longer
 * than the client's patience, the client knows nothing of what became of it.
 */

import type { NodeApi, ReadOutcome, RequestOptions, WriteOutcome } from '../replica/node-api.ts';
import { formatDot } from '../core/dot.ts';
import type { History, NoAnswer, ReadOperation, WriteOperation } from './history.ts';
import type { SimGathering } from './sim-gathering.ts';
import type { SimNode } from './sim-node.ts';
import type { SimRandom } from './sim-random.ts';
import type { World } from './simulation.ts';
import { uniqueValue } from './unique-value.ts';

/** Longer than any node takes for an answer; a node that is paused or cut off may exceed it. */
const patienceMicros = 8_000_000;
const travelMicrosMax = 300;
/** A client notices that its node died within this time. */
const noticeMicrosMax = 200_000;

/** The options that a request which goes together with others has none of: it takes the cluster's. */
export interface TogetherOption {
  readonly together?: SimGathering | undefined;
}

const encoder = new TextEncoder();

export class SimClient {
  readonly #world: World;
  readonly #history: History;
  readonly #random: SimRandom;

  constructor(options: { readonly world: World; readonly history: History; readonly random: SimRandom }) {
    this.#world = options.world;
    this.#history = options.history;
    this.#random = options.random;
  }

  /** Writes a value that no other operation writes. */
  put(
    node: SimNode,
    key: string,
    valueBytes: number,
    options: RequestOptions & TogetherOption & { readonly expiresAtMs?: number } = {},
  ): Promise<WriteOperation> {
    const { together, ...others } = options;
    const { context, expiresAtMs = 0 } = others;
    return this.#write(node, { kind: 'put', key, valueBytes, context, expiresAtMs }, (api, id) => {
      const request = { ...others, key: encoder.encode(key), value: uniqueValue(id, valueBytes) };
      const { scope } = node;
      return together === undefined || scope === undefined
        ? api.put(request)
        : together.put(api, scope, request);
    });
  }

  delete(node: SimNode, key: string, options: RequestOptions = {}): Promise<WriteOperation> {
    const { context } = options;
    return this.#write(node, { kind: 'delete', key, valueBytes: 0, context, expiresAtMs: 0 }, (api) =>
      api.delete({ ...options, key: encoder.encode(key) }),
    );
  }

  async get(
    node: SimNode,
    key: string,
    { together, ...options }: RequestOptions & TogetherOption = {},
  ): Promise<ReadOperation> {
    const operation = this.#history.add<ReadOperation>({
      id: this.#history.nextId,
      kind: 'get',
      key,
      node: node.id,
      startMicros: this.#world.scheduler.nowMicros,
      end: undefined,
    });
    this.#tellStart(operation);
    const { hardware } = node;
    const outcome = await this.call(node, async (api) => {
      const [from, sets] = [hardware.wallMs(), hardware.sets];
      const { scope } = node;
      const request = { ...options, key: encoder.encode(key) };
      const answer =
        together === undefined || scope === undefined
          ? await api.get(request)
          : await together.get(api, scope, request);
      if (hardware.sets === sets) operation.wallMs = { from, to: hardware.wallMs() };
      return answer;
    });
    operation.end = { micros: this.#world.scheduler.nowMicros, outcome };
    this.#tell(operation, outcome);
    return operation;
  }

  async #write(
    node: SimNode,
    fields: Pick<WriteOperation, 'kind' | 'key' | 'valueBytes' | 'context' | 'expiresAtMs'>,
    request: (api: NodeApi, id: number) => Promise<WriteOutcome>,
  ): Promise<WriteOperation> {
    const operation = this.#history.add<WriteOperation>({
      id: this.#history.nextId,
      ...fields,
      node: node.id,
      startMicros: this.#world.scheduler.nowMicros,
      end: undefined,
    });
    this.#tellStart(operation);
    const outcome = await this.call(node, (api) => request(api, operation.id));
    operation.end = { micros: this.#world.scheduler.nowMicros, outcome };
    this.#tell(operation, outcome);
    return operation;
  }

  /** Carries a request to a node and its answer back; settles whatever happens to the node. Not in the history. */
  call<Outcome extends WriteOutcome | ReadOutcome>(
    node: SimNode,
    request: (api: NodeApi) => Promise<Outcome>,
  ): Promise<Outcome | NoAnswer> {
    const { scheduler } = this.#world;
    return new Promise((resolve, reject) => {
      let isSent = false;
      let forgetNode: () => void = () => undefined;
      const settle = (outcome: Outcome | NoAnswer): void => {
        cancelPatience();
        forgetNode();
        resolve(outcome);
      };
      const cancelPatience = scheduler.after(patienceMicros, () =>
        settle({ kind: isSent ? 'lost' : 'not-sent' }),
      );
      scheduler.after(this.#travelMicros(), () => {
        const { api, scope } = node;
        if (api === undefined || scope === undefined) return settle({ kind: 'not-sent' });
        isSent = true;
        forgetNode = scope.onKilled(() => {
          scheduler.after(this.#random.below(noticeMicrosMax), () => settle({ kind: 'lost' }));
        });
        scope.enter(() => {
          request(api).then((outcome) => {
            // What the code of a dead process still computes reaches nobody.
            if (scope.isAlive) scheduler.after(this.#travelMicros(), () => settle(outcome));
          }, reject);
        });
      });
    });
  }

  #travelMicros(): number {
    return 1 + this.#random.below(travelMicrosMax);
  }

  #tellStart(operation: WriteOperation | ReadOperation): void {
    const { id, kind, key, node } = operation;
    const valueBytes = kind === 'put' ? operation.valueBytes : undefined;
    this.#world.traceLog?.add('request', node, { id, operation: kind, key, valueBytes });
  }

  #tell(operation: WriteOperation | ReadOperation, outcome: WriteOutcome | ReadOutcome | NoAnswer): void {
    const { narrator, traceLog } = this.#world;
    const { id, kind, key, node } = operation;
    traceLog?.add('answer', node, { id, operation: kind, key, outcome: describe(outcome) });
    if (narrator?.concerns(encoder.encode(operation.key)) !== true) return;
    const started = (operation.startMicros / 1000).toFixed(3);
    narrator.tell(
      `client: ${operation.kind} #${operation.id} at ${operation.node}, sent at ${started} ms: ${describe(outcome)}`,
    );
  }
}

function describe(outcome: WriteOutcome | ReadOutcome | NoAnswer): string {
  switch (outcome.kind) {
    case 'stored':
      return `stored ${formatDot(outcome.dot)} (${outcome.acknowledged} of ${outcome.required})`;
    case 'unknown':
      return `unknown ${formatDot(outcome.dot)} (${outcome.acknowledged} of ${outcome.required})`;
    case 'found':
      return `found ${formatDot(outcome.version.dot)}`;
    case 'missing':
      return outcome.digest === undefined ? 'missing' : `missing, ${formatDot(outcome.digest.dot)}`;
    case 'refused':
    case 'unavailable':
      return `${outcome.kind} ${outcome.code}`;
    default:
      return outcome.kind;
  }
}
