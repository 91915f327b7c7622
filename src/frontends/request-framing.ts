/**
 * What every request must satisfy before anyone looks at its path.
 *
 * These are the ambiguities by which one request is read as another by a proxy in front
 * (request smuggling; RFC 9112, §3.2 and §6.1): the parser refuses a `Content-Length` beside a
 * `Transfer-Encoding` and bare line feeds; it lets through two `Host` headers, codings stacked
 * under `chunked`, and chunks from HTTP/1.0. After any of these the connection is closed.
 */

import type { IncomingMessage } from 'node:http';
import type { ErrorReply } from './error-reply.ts';

/** Why the connection cannot be trusted after this request; undefined when it can. */
export function framingFault(request: IncomingMessage): ErrorReply | undefined {
  const hosts = countHosts(request.rawHeaders);
  if (hosts > 1) return { code: 'BAD_REQUEST', message: 'more than one Host header' };
  const modern = request.httpVersionMajor === 1 && request.httpVersionMinor === 1;
  if (hosts === 0 && modern) return { code: 'BAD_REQUEST', message: 'missing Host header' };
  const coding = request.headers['transfer-encoding'];
  if (coding === undefined) return undefined;
  if (!modern) return { code: 'BAD_REQUEST', message: 'Transfer-Encoding needs HTTP/1.1' };
  if (coding.toLowerCase() !== 'chunked') {
    return { code: 'NOT_SUPPORTED', message: 'the only transfer coding understood is "chunked"' };
  }
  return undefined;
}

function countHosts(rawHeaders: readonly string[]): number {
  let hosts = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index];
    if (name !== undefined && name.length === 4 && name.toLowerCase() === 'host') hosts++;
  }
  return hosts;
}
