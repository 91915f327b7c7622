/**
 * How an error looks to a client: JSON with a stable `code`, or one plain line.
 *
 * 4xx are a plain line unless the client's `Accept` names JSON. 503 and 507 are for programs that
 * retry, so they are JSON unless the client prefers text. `Retry-After` is set where it helps.
 */

import type { OutgoingHttpHeader } from 'node:http';
import { errorCodeOf, errorMessageOf, type ErrorCode } from '../core/errors.ts';
import { httpStatusOf } from './http-status.ts';

export interface ErrorReply {
  readonly code: ErrorCode;
  /** One line for a person. */
  readonly message: string;
  /** Further fields of the JSON form, such as `acknowledged` and `outcome`. */
  readonly details?: Readonly<Record<string, string | number>>;
}

export interface RenderedReply {
  readonly status: number;
  /** Flat name, value, name, value …; a fresh array that the caller may add to. */
  readonly headers: OutgoingHttpHeader[];
  readonly body: string;
}

/** The reply to an error for a client that sent this `Accept` header. */
export function renderError(error: ErrorReply, accept: string | undefined): RenderedReply {
  const { status, retryAfterSeconds } = httpStatusOf(error.code);
  const json = prefersJson(accept, status === 503 || status === 507);
  const body = json
    ? `${JSON.stringify({ code: error.code, message: error.message, ...error.details })}\n`
    : `${error.message}\n`;
  const headers: OutgoingHttpHeader[] = [
    'Content-Type',
    json ? 'application/json; charset=utf-8' : 'text/plain; charset=utf-8',
    'Content-Length',
    Buffer.byteLength(body),
  ];
  if (retryAfterSeconds !== undefined) headers.push('Retry-After', retryAfterSeconds);
  return { status, headers, body };
}

/** The error reply for whatever was thrown. */
export function errorReplyOf(error: unknown): ErrorReply {
  return { code: errorCodeOf(error), message: errorMessageOf(error) };
}

/** Whether a client that sent this `Accept` header gets JSON, where `otherwise` is the default. */
export function prefersJson(accept: string | undefined, otherwise: boolean): boolean {
  if (accept === undefined || accept === '*/*') return otherwise;
  let json = 0;
  let text = 0;
  for (const range of accept.toLowerCase().split(',')) {
    const [type = '', ...parameters] = range.split(';');
    const quality = qualityOf(parameters);
    const name = type.trim();
    if (name === 'application/json' || name === 'application/*' || name === '*/json') {
      json = Math.max(json, quality);
    } else if (name === 'text/plain' || name === 'text/*') {
      text = Math.max(text, quality);
    }
  }
  if (json === 0 && text === 0) return otherwise;
  return json >= text;
}

function qualityOf(parameters: readonly string[]): number {
  for (const parameter of parameters) {
    const [name, value] = parameter.split('=');
    if (name?.trim() !== 'q') continue;
    const quality = Number(value);
    return quality >= 0 && quality <= 1 ? quality : 0;
  }
  return 1;
}
