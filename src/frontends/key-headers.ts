/**
 * The headers of a `/kv` request, checked.
 *
 * What the store cannot keep its word about is refused rather than ignored. `If-Match` and
 * `If-None-Match` on a write would need all replicas to agree on what is current, which a leaderless
 * store does not do; `X-Causal-Context` says what a client can have. A `Content-Encoding` is not stored,
 * so returning such a body without it would hand out bytes under a wrong name.
 */

import type { IncomingHttpHeaders } from 'node:http';
import type { Dot } from '../core/dot.ts';
import { StoreError } from '../core/errors.ts';
import { parseEntityTag } from './entity-tag.ts';

const contentTypeBytesMax = 255;
const printable = /^[\x20-\x7e]*$/;

/** Throws `NOT_SUPPORTED` for a condition that a read does not evaluate. */
export function checkReadHeaders(headers: IncomingHttpHeaders): void {
  if (headers['if-match'] !== undefined) {
    throw new StoreError(
      'NOT_SUPPORTED',
      'If-Match is not evaluated on reads; compare the ETag of the reply',
    );
  }
}

/** Throws `NOT_SUPPORTED`, `UNSUPPORTED_MEDIA_TYPE` or `BAD_REQUEST` for what a write cannot honour. */
export function checkWriteHeaders(headers: IncomingHttpHeaders): void {
  if (headers['if-match'] !== undefined || headers['if-none-match'] !== undefined) {
    throw new StoreError(
      'NOT_SUPPORTED',
      'a leaderless store cannot compare and set: replicas may accept writes at the same time; send the ' +
        'ETag you read as X-Causal-Context to be sure that your write wins over it',
    );
  }
  const coding = headers['content-encoding'];
  if (coding !== undefined && coding !== '' && coding.toLowerCase() !== 'identity') {
    throw new StoreError(
      'UNSUPPORTED_MEDIA_TYPE',
      'Content-Encoding is not stored; send the encoded bytes without it, under a Content-Type that says so',
    );
  }
  if (headers['content-range'] !== undefined) {
    throw new StoreError('BAD_REQUEST', 'a value is written whole; Content-Range is not for PUT');
  }
}

/** The media type to store with a value; undefined when the client gave none. */
export function contentTypeOf(headers: IncomingHttpHeaders): string | undefined {
  const contentType = headers['content-type'];
  if (contentType === undefined || contentType === '') return undefined;
  if (contentType.length > contentTypeBytesMax || !printable.test(contentType)) {
    throw new StoreError(
      'BAD_REQUEST',
      `Content-Type must be printable ASCII of at most ${contentTypeBytesMax} bytes`,
    );
  }
  return contentType;
}

/** The version that the client has seen. */
export function causalContextOf(headers: IncomingHttpHeaders): Dot | undefined {
  const text = headers['x-causal-context'];
  if (text === undefined) return undefined;
  const dot = typeof text === 'string' ? parseEntityTag(text) : undefined;
  if (dot === undefined) {
    throw new StoreError('BAD_REQUEST', 'X-Causal-Context must be the ETag of a reply for this key');
  }
  return dot;
}
