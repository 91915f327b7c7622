/**
 * `POST /internal/get`, `/internal/put`, `/internal/keys`: this very node's disk, as JSON.
 *
 * They never ask another node, so an operator can see which replica holds what. A put merges a
 * record stamped by the caller, like any other: it cannot take back a newer version, a stamp too
 * far ahead of the clock is refused (it would make later writes vanish), and a hint is kept only
 * for a member of the cluster.
 */

import type { FastifyInstance } from 'fastify';
import { StoreError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { InspectionRecord, LocalInspection } from '../replica/node-api.ts';
import type { ScanCursor } from '../storage/store.ts';
import {
  decodeBase64,
  digestJsonOf,
  keyNameOf,
  keyOfFields,
  recordJsonOf,
  type KeyFields,
} from './inspection-json.ts';

interface RecordFields extends KeyFields {
  readonly value?: string | null;
  readonly ts: number;
  readonly counter?: number;
  readonly writer_id: string;
  readonly deleted?: boolean;
  readonly content_type?: string;
  readonly expires_at_ms?: number;
}

const keyProperties = { key: { type: 'string' }, key_base64: { type: 'string' } };
const wallMs = { type: 'integer', minimum: 0, maximum: 2 ** 48 - 1 };

const getBody = { type: 'object', additionalProperties: false, properties: keyProperties };

const putBody = {
  type: 'object',
  additionalProperties: false,
  required: ['record'],
  properties: {
    hint_for: { type: 'string' },
    record: {
      type: 'object',
      additionalProperties: false,
      required: ['ts', 'writer_id'],
      properties: {
        ...keyProperties,
        // The Go demo wrote null for the value of a deleted key.
        value: { type: ['string', 'null'] },
        ts: wallMs,
        counter: { type: 'integer', minimum: 0, maximum: 0xffff },
        writer_id: { type: 'string' },
        deleted: { type: 'boolean' },
        content_type: { type: 'string', maxLength: 255, pattern: '^[\\x20-\\x7e]*$' },
        expires_at_ms: wallMs,
      },
    },
  },
};

const keysBody = {
  type: ['object', 'null'],
  additionalProperties: false,
  properties: {
    after: { type: 'string' },
    limit: { type: 'integer', minimum: 1, maximum: limits.keysPageMax },
  },
};

export interface InspectionOptions {
  readonly local: LocalInspection;
  readonly valueBytesMax: number;
}

/** Adds the three routes. */
export function addInspectionRoutes(fastify: FastifyInstance, options: InspectionOptions): void {
  const { local, valueBytesMax } = options;

  fastify.post<{ Body: KeyFields }>('/internal/get', { schema: { body: getBody } }, async (request) => {
    const record = await local.get(keyOfFields(request.body));
    return record === undefined ? { found: false } : { found: true, record: recordJsonOf(record) };
  });

  // Base64 takes four bytes for three.
  const bodyLimit = Math.ceil((valueBytesMax * 4) / 3) + limits.inspectionBodyBytesMax;
  fastify.post<{ Body: { readonly record: RecordFields; readonly hint_for?: string } }>(
    '/internal/put',
    { schema: { body: putBody }, bodyLimit },
    async (request) => {
      const { record, hint_for: hintFor } = request.body;
      const { changed } = await local.put(inspectionRecordOf(record, valueBytesMax), hintFor);
      return { ok: true, changed };
    },
  );

  fastify.post<{ Body: { readonly after?: string; readonly limit?: number } | null }>(
    '/internal/keys',
    { schema: { body: keysBody } },
    async (request) => {
      const { after, limit = limits.keysPageMax } = request.body ?? {};
      const page = await local.keys({ after: after === undefined ? undefined : cursorOf(after), limit });
      // Without a prototype: `__proto__` is a key like any other.
      const keys = Object.create(null) as Record<string, unknown>;
      for (const entry of page.entries) keys[keyNameOf(entry.key)] = digestJsonOf(entry.digest);
      return { keys, next: page.next ?? null };
    },
  );
}

function inspectionRecordOf(fields: RecordFields, valueBytesMax: number): InspectionRecord {
  const { ts, counter = 0, writer_id, deleted = false, content_type, expires_at_ms } = fields;
  const value = decodeBase64(fields.value ?? '', 'record.value');
  if (value.length > valueBytesMax) {
    throw new StoreError(
      'VALUE_TOO_LARGE',
      `record.value has ${value.length} bytes; at most ${valueBytesMax} are allowed`,
    );
  }
  if (deleted && value.length > 0) {
    throw new StoreError('BAD_REQUEST', 'record.value must be empty in a deleted record');
  }
  return {
    key: keyOfFields(fields, 'record.'),
    value,
    wallMs: ts,
    counter,
    writerId: writer_id,
    deleted,
    ...(content_type === undefined ? {} : { contentType: content_type }),
    ...(expires_at_ms === undefined ? {} : { expiresAtMs: expires_at_ms }),
  };
}

/** A cursor comes back as the opaque text that an earlier page ended with; the store checks it. */
function cursorOf(text: string): ScanCursor {
  return text as ScanCursor;
}
