/**
 * What the handler of `/kv` needs of a request and its reply, whichever way they come in: through
 * `node:http`, or read and written on the socket itself (`plain-lane.ts`).
 */

import type { IncomingHttpHeaders, OutgoingHttpHeader } from 'node:http';
import type { BodyLimits } from './body-reader.ts';
import type { FrontendLoad } from './client-connection.ts';
import type { ErrorReply } from './error-reply.ts';

/** A body on its way in. */
export interface IncomingBody {
  /** All of it, or undefined when the client went away. Rejects when it is refused. */
  read(): Promise<Uint8Array | undefined>;
  /** Gives back what the body counted toward the budget. */
  release(): void;
}

export interface KeyExchange {
  readonly method: string | undefined;
  readonly requestHeaders: IncomingHttpHeaders;
  /** The body, where it came together with its head and counts toward the budget already. */
  readonly wholeBody: Uint8Array | undefined;
  /** The client has closed its connection: what has not begun for it need not begin. */
  readonly isGone: boolean;
  /** Receives a body that is not here yet. Throws `VALUE_TOO_LARGE` for one that announces too much. */
  receiveBody(load: FrontendLoad, limits: BodyLimits): IncomingBody;
  /** Whether all clients together have taken enough of their replies for this much more. */
  mayQueue(bodyBytes: number): boolean;
  /** Sends the whole reply. `headers` is flat (name, value, …), complete, and kept by this call. */
  send(status: number, headers: OutgoingHttpHeader[], body?: Uint8Array | string): void;
  /** Sends an error in the form that the client prefers, with further headers after its own. */
  sendError(error: ErrorReply, further?: readonly OutgoingHttpHeader[]): void;
  /** The same for a request whose body may not have been read to its end. */
  refuse(error: ErrorReply, further?: readonly OutgoingHttpHeader[]): void;
}
