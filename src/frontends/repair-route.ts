/**
 * `POST /internal/repair`: this node and every other owner that is up compare now what they hold, and fetch what
 * they lack. `{}` is about everything, `{"partition": 5}` or `{"key": "cart/1"}` about one partition. The answer comes
 * when all are done; `/debug/ae` shows how far they are.
 */

import type { FastifyInstance } from 'fastify';
import { StoreError } from '../core/errors.ts';
import type { NodeApi } from '../replica/node-api.ts';
import { repairJson } from './anti-entropy-json.ts';
import { keyOfFields, type KeyFields } from './inspection-json.ts';

interface RepairFields extends KeyFields {
  readonly partition?: number;
}

const body = {
  type: ['object', 'null'],
  additionalProperties: false,
  properties: {
    partition: { type: 'integer', minimum: 0 },
    key: { type: 'string' },
    key_base64: { type: 'string' },
  },
};

export function addRepairRoute(fastify: FastifyInstance, node: NodeApi): void {
  fastify.post<{ Body: RepairFields | null }>('/internal/repair', { schema: { body } }, async (request) => {
    const partition = partitionOf(node, request.body ?? {});
    return repairJson(await node.repair({ partitions: partition === undefined ? undefined : [partition] }));
  });
}

function partitionOf(node: NodeApi, fields: RepairFields): number | undefined {
  const { partition, ...key } = fields;
  const namesKey = key.key !== undefined || key.key_base64 !== undefined;
  if (namesKey && partition !== undefined) {
    throw new StoreError('BAD_REQUEST', 'allowed is a partition or a key, not both');
  }
  if (namesKey) return node.placementOf(keyOfFields(key)).partition;
  const { partitions } = node.ring();
  if (partition !== undefined && partition >= partitions) {
    throw new StoreError('BAD_REQUEST', `partition must be below ${partitions}`);
  }
  return partition;
}
