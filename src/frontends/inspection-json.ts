/**
 * Keys and records as JSON, in the shapes of the Go demo this project grew from.
 *
 * JSON text cannot hold every key. A key that is valid UTF-8 is `key`, any other is `key_base64`.
 * Where a key names a property, it stands as it is, or as `base64:…` when it is not UTF-8 or
 * begins with `base64:` itself, so that no two keys share a name. `ts` is the dot's wall
 * milliseconds, `counter` orders versions within one of them, `writer_id` is the node that stamped it.
 */

import { nodeOfActor } from '../core/dot.ts';
import { StoreError } from '../core/errors.ts';
import type { StoredRecord, VersionDigest } from '../core/record.ts';
import { checkKeyLength } from './key-path.ts';

export interface KeyFields {
  readonly key?: string;
  readonly key_base64?: string;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const base64Prefix = 'base64:';
const base64 = /^[A-Za-z0-9+/]*={0,2}$/;

/** The bytes of the key that `fields` names. Throws `MISSING_KEY`, `KEY_TOO_LARGE` or `BAD_REQUEST`. */
export function keyOfFields(fields: KeyFields, within = ''): Uint8Array {
  const { key, key_base64: encoded } = fields;
  if (key !== undefined && encoded !== undefined) {
    throw new StoreError('BAD_REQUEST', `give either ${within}key or ${within}key_base64, not both`);
  }
  if (key !== undefined && !key.isWellFormed()) {
    throw new StoreError('BAD_REQUEST', `${within}key holds half a surrogate pair; use ${within}key_base64`);
  }
  const bytes = key === undefined ? decodeBase64(encoded ?? '', `${within}key_base64`) : Buffer.from(key);
  if (bytes.length === 0) throw new StoreError('MISSING_KEY', 'missing key');
  return checkKeyLength(bytes);
}

/** The fields that name a key; `keyOfFields` reads them back. */
export function keyFieldsOf(key: Uint8Array): KeyFields {
  const text = utf8TextOf(key);
  return text === undefined ? { key_base64: encodeBase64(key) } : { key: text };
}

/** A key as the name of a property. */
export function keyNameOf(key: Uint8Array): string {
  const text = utf8TextOf(key);
  if (text === undefined || text.startsWith(base64Prefix)) return base64Prefix + encodeBase64(key);
  return text;
}

/** Strict standard base64 with padding. Throws `BAD_REQUEST` naming the field. */
export function decodeBase64(text: string, field: string): Uint8Array {
  if (text.length % 4 !== 0 || !base64.test(text)) {
    throw new StoreError('BAD_REQUEST', `${field} is not base64 (standard alphabet, padded)`);
  }
  return Buffer.from(text, 'base64');
}

/** What a version is, without its value. */
export function digestJsonOf(digest: VersionDigest): Record<string, unknown> {
  const { dot, tombstone, expiresAtMs, checksum } = digest;
  return {
    ts: dot.wallMs,
    counter: dot.counter,
    writer_id: nodeOfActor(dot.actor),
    actor: dot.actor,
    deleted: tombstone,
    ...(expiresAtMs === 0 ? {} : { expires_at_ms: expiresAtMs }),
    checksum: checksum.toString(16).padStart(8, '0'),
  };
}

/** A whole record. */
export function recordJsonOf(record: StoredRecord): Record<string, unknown> {
  const { contentType, value } = record.version;
  return {
    ...keyFieldsOf(record.key),
    value: encodeBase64(value),
    ...digestJsonOf(record.version),
    ...(contentType === '' ? {} : { content_type: contentType }),
  };
}

function encodeBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64');
}

function utf8TextOf(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch {
    // A TypeError is how the decoder says that the bytes are not UTF-8.
    return undefined;
  }
}
