/**
 * From the request target of `/kv/<key>` to the bytes of the key.
 *
 * Keys are any bytes: the path is percent-decoded byte by byte and never read as text, so `%ff` and
 * `%fe` are two keys, and everything after `/kv/` belongs to the key, slashes included. A path
 * segment `.` or `..` that is not percent-encoded is refused, because proxies and clients rewrite
 * such paths and would name another key than the one meant (RFC 3986, §5.2.4); `%2e%2e` is a key.
 */

import { StoreError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';

export interface RequestTarget {
  /** Raw, still percent-encoded, without the query. */
  readonly path: string;
  /** Raw, without the question mark; empty when there is none. */
  readonly query: string;
}

const slash = 0x2f;
const dotSegment = /\/\.\.?(?:\/|$)/;
const absoluteForm = /^https?:\/\/[^/?#]*/i;
const prefix = '/kv/';

/**
 * Splits a request target as it stood in the request line. The absolute form that proxies send is
 * accepted (RFC 9112, §3.2.2). Throws `BAD_REQUEST` for any other form and for dot segments.
 */
export function parseTarget(url: string): RequestTarget {
  const target = url.charCodeAt(0) === slash ? url : originForm(url);
  if (target.includes('#')) {
    throw new StoreError('BAD_REQUEST', 'the request target holds a "#"; encode it as %23');
  }
  const mark = target.indexOf('?');
  const path = mark < 0 ? target : target.slice(0, mark);
  if (dotSegment.test(path)) {
    throw new StoreError(
      'BAD_REQUEST',
      'the path holds a "." or ".." segment; encode its dots as %2e if they belong to a key',
    );
  }
  return { path, query: mark < 0 ? '' : target.slice(mark + 1) };
}

/** Whether a path addresses a key, or would if it named one. */
export function isKeyPath(path: string): boolean {
  return path.startsWith(prefix) || path === '/kv';
}

/** The key of a `/kv/` path. Throws `MISSING_KEY`, `KEY_TOO_LARGE` or `BAD_REQUEST`. */
export function keyOfPath(path: string): Uint8Array {
  if (path.length <= prefix.length) throw new StoreError('MISSING_KEY', 'missing key');
  return checkKeyLength(percentDecode(path.slice(prefix.length)));
}

/** The key itself, or `KEY_TOO_LARGE`. */
export function checkKeyLength(key: Uint8Array): Uint8Array {
  if (key.length > limits.keyBytesMax) {
    throw new StoreError(
      'KEY_TOO_LARGE',
      `the key has ${key.length} bytes; at most ${limits.keyBytesMax} are allowed`,
    );
  }
  return key;
}

/** Decodes percent-escapes to bytes; `+` stays a plus. Throws `BAD_REQUEST` for a broken escape. */
export function percentDecode(text: string): Uint8Array {
  if (!text.includes('%')) return Buffer.from(text, 'latin1');
  const bytes = new Uint8Array(text.length);
  let length = 0;
  for (let index = 0; index < text.length; index++) {
    let code = text.charCodeAt(index);
    if (code === 0x25) {
      code = (hexDigit(text.charCodeAt(index + 1)) << 4) | hexDigit(text.charCodeAt(index + 2));
      if (code < 0) {
        throw new StoreError(
          'BAD_REQUEST',
          `"${text.slice(index, index + 3)}" is no percent-escape; write a literal % as %25`,
        );
      }
      index += 2;
    }
    bytes[length++] = code;
  }
  return bytes.subarray(0, length);
}

function originForm(url: string): string {
  const authority = absoluteForm.exec(url);
  if (authority === null) {
    throw new StoreError('BAD_REQUEST', 'the request target must be a path such as /kv/mykey');
  }
  const rest = url.slice(authority[0].length);
  return rest.charCodeAt(0) === slash ? rest : `/${rest}`;
}

/** Negative when the character is not a hexadecimal digit, also past the end of the text. */
function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const letter = code | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}
