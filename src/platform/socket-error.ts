/** What went wrong with a socket, for a log line and an operator. */

import { errnoOf } from './disk-error.ts';
import { describeTlsError } from './tls-error.ts';

/** E.g. `connect ECONNREFUSED 127.0.0.1:9002`. A name with several addresses fails with one error for all. */
export function describeSocketError(error: Error): string {
  if (error instanceof AggregateError) {
    return error.errors.map((one: unknown) => (one instanceof Error ? one.message : String(one))).join(', ');
  }
  const tls = describeTlsError(error);
  if (tls !== undefined) return tls;
  return error.message === '' ? (errnoOf(error) ?? error.name) : error.message;
}
