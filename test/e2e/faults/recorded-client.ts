/**
 * HTTP operations as the simulator's checkers want them: what was asked when, and what came of it.
 *
 * Times are microseconds of this process's monotonic clock, the start rounded down and the end up. What a reply
 * does not say for certain is *maybe*: only `outcome: "not-applied"`, or no connection at all, means never.
 */

import type { Agent } from 'node:http';

import type { NodeId } from '../../../src/core/config.ts';
import type { Dot } from '../../../src/core/dot.ts';
import { entityTagOf } from '../../../src/frontends/entity-tag.ts';
import type { Address } from '../../../src/cli/address.ts';
import { keyPath, requestNode, type NodeReply } from '../../../src/cli/node-client.ts';
import type { History, Operation, ReadOperation, WriteOperation } from '../../../src/sim/history.ts';
import { uniqueValue } from '../../../src/sim/unique-value.ts';
import { readOutcomeOf, writeOutcomeOf } from './recorded-outcome.ts';

/** More than a node takes to answer; one that is paused exceeds it. */
const patienceMs = 2_500;

/** A node that operations are sent to. */
export interface RecordedNode {
  readonly id: NodeId;
  readonly address: Address;
}

export class RecordedClient {
  readonly #history: History;
  readonly #agent: Agent;

  constructor(history: History, agent: Agent) {
    this.#history = history;
    this.#agent = agent;
  }

  /** Writes a value that no other operation writes. */
  async put(node: RecordedNode, key: string, valueBytes: number, context?: Dot): Promise<WriteOperation> {
    const operation = this.#startWrite(node, { kind: 'put', key, valueBytes, context });
    const body = uniqueValue(operation.id, valueBytes);
    const reply = await this.#send(node, 'PUT', operation, { body, context });
    operation.end = { micros: endMicros(), outcome: writeOutcomeOf(reply) };
    return operation;
  }

  async delete(node: RecordedNode, key: string, context?: Dot): Promise<WriteOperation> {
    const operation = this.#startWrite(node, { kind: 'delete', key, valueBytes: 0, context });
    const reply = await this.#send(node, 'DELETE', operation, { context });
    operation.end = { micros: endMicros(), outcome: writeOutcomeOf(reply) };
    return operation;
  }

  /** `r` as configured unless told. */
  async get(node: RecordedNode, key: string, r?: number): Promise<ReadOperation> {
    const operation = this.#history.add<ReadOperation>({
      id: this.#history.nextId,
      kind: 'get',
      key,
      node: node.id,
      startMicros: startMicros(),
      end: undefined,
    });
    const reply = await this.#send(node, 'GET', operation, { query: r === undefined ? '' : `?r=${r}` });
    operation.end = { micros: endMicros(), outcome: readOutcomeOf(reply) };
    return operation;
  }

  #startWrite(
    node: RecordedNode,
    fields: Pick<WriteOperation, 'kind' | 'key' | 'valueBytes' | 'context'>,
  ): WriteOperation {
    return this.#history.add<WriteOperation>({
      id: this.#history.nextId,
      ...fields,
      node: node.id,
      startMicros: startMicros(),
      end: undefined,
    });
  }

  #send(
    node: RecordedNode,
    method: string,
    operation: Operation,
    request: {
      readonly body?: Uint8Array;
      readonly context?: Dot | undefined;
      readonly query?: string;
    },
  ): Promise<NodeReply> {
    const { body, context, query = '' } = request;
    return requestNode(node.address, {
      method,
      path: `${keyPath(new TextEncoder().encode(operation.key))}${query}`,
      headers: {
        accept: 'application/json',
        ...(context === undefined ? {} : { 'x-causal-context': entityTagOf(context) }),
      },
      ...(body === undefined ? {} : { body }),
      agent: this.#agent,
      timeoutMs: patienceMs,
    });
  }
}

function startMicros(): number {
  return Math.floor(performance.now() * 1000);
}

function endMicros(): number {
  return Math.ceil(performance.now() * 1000);
}
