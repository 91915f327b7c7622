/**
 * What an operator makes a node do: `POST /debug/repair`, `/debug/scrub` and `/debug/compact` begin it and answer at once;
 * `GET` of the same path tells how far it is, and how it ended.
 *
 * A repair compares with every other owner that is up, both ways, whatever the sums say: `{}` is about everything,
 * `{"partition": 5}` or `{"key": "cart/1"}` about one partition. Of each kind one runs at a time.
 */

import type { FastifyInstance } from 'fastify';
import { StoreError } from '../core/errors.ts';
import type { RepairReport } from '../replica/anti-entropy-status.ts';
import type { NodeApi } from '../replica/node-api.ts';
import type { ScrubReport } from '../storage/store.ts';
import { keyOfFields, type KeyFields } from './inspection-json.ts';
import { MaintenanceJob } from './maintenance-job.ts';
import { jobJson, repairJson, scrubReportJson } from './maintenance-json.ts';

interface RepairFields extends KeyFields {
  readonly partition?: number;
}

const nothing = { type: ['object', 'null'], additionalProperties: false, properties: {} };

const repairBody = {
  type: ['object', 'null'],
  additionalProperties: false,
  properties: {
    partition: { type: 'integer', minimum: 0 },
    key: { type: 'string' },
    key_base64: { type: 'string' },
  },
};

/** Adds the routes. */
export function addMaintenanceRoutes(fastify: FastifyInstance, node: NodeApi): void {
  const repair = new MaintenanceJob<RepairReport>('repair');
  fastify.get('/debug/repair', () => jobJson(repair, repairJson));
  fastify.post<{ Body: RepairFields | null }>(
    '/debug/repair',
    { schema: { body: repairBody } },
    (request, reply) => {
      const partition = partitionOf(node, request.body ?? {});
      const partitions = partition === undefined ? undefined : [partition];
      repair.begin((onProgress) => node.operator.repair({ partitions, onProgress }));
      return reply.code(202).send(jobJson(repair, repairJson));
    },
  );

  const scrub = new MaintenanceJob<ScrubReport>('scrub');
  fastify.get('/debug/scrub', () => jobJson(scrub, scrubReportJson));
  fastify.post('/debug/scrub', { schema: { body: nothing } }, (_request, reply) => {
    scrub.begin((onProgress) => node.operator.scrub(onProgress));
    return reply.code(202).send(jobJson(scrub, scrubReportJson));
  });

  const compact = new MaintenanceJob<{ readonly logBytes: number }>('compaction');
  const logBytes = ({ logBytes: bytes }: { readonly logBytes: number }) => ({ wal_bytes: bytes });
  fastify.get('/debug/compact', () => jobJson(compact, logBytes));
  fastify.post('/debug/compact', { schema: { body: nothing } }, (_request, reply) => {
    compact.begin(async () => {
      await node.operator.compact();
      return { logBytes: node.storage().logBytes };
    });
    return reply.code(202).send(jobJson(compact, logBytes));
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
