/**
 * What the load generator says to a server, apart from the protocol in which it says it.
 *
 * A dialog belongs to one connection: it writes requests and reads answers, which come in the order of the requests.
 * Keys and values are numbers here and get their text in `payload.ts`, so that every server holds the same ones.
 */

/** One request. An operation is one step, or two: a read-modify-write reads and then writes back. */
export type Step =
  | { readonly kind: 'read'; readonly key: number }
  /** The value is told by `salt`. */
  | { readonly kind: 'write'; readonly key: number; readonly salt: number }
  /** A write on what was read as this version; without one where the protocol knows none. */
  | {
      readonly kind: 'write-back';
      readonly key: number;
      readonly salt: number;
      readonly version: string | undefined;
    }
  /** So many entries from a key on, or, where a server has no order of keys, from a random place on. */
  | { readonly kind: 'scan'; readonly key: number; readonly length: number };

/** What came back. */
export interface Answer {
  /** Why it was not what was asked for, such as a status; undefined when all is well. */
  readonly problem?: string;
  /** Of a read: by what a write-back names it. */
  readonly version?: string | undefined;
  /** A conditional write-back was refused, rightly: somebody else had written in between. */
  readonly isConflict?: boolean;
  /** Of a scan: how many entries came. */
  readonly entries?: number;
  /** The value that was read, where the dialog keeps values. */
  readonly value?: string;
}

export interface Dialog {
  /** The bytes of a request, as latin1 text; its answer comes after those that are still owed. */
  ask(step: Step): string;
  /** Takes what was read off the connection, which may be reused afterwards. Throws for what is no answer. */
  feed(bytes: Uint8Array): void;
}

/** Which dialog to open; plain data, since it travels to the processes that make the load. */
export type DialogSpec =
  /** `/kv/<key>`; a write-back passes the `ETag` of its read as `X-Causal-Context`. */
  | { readonly kind: 'http' }
  /** `SET`, `GET` and `SCAN`, with a `WAIT` for so many replicas behind each `SET`; 0 sends none. */
  | { readonly kind: 'redis'; readonly waitFor: number }
  /** etcd's v3 API as JSON over HTTP; a write-back is a transaction on the revision that was read. */
  | { readonly kind: 'etcd' };
