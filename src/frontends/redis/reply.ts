/**
 * What a command answers, before it has bytes.
 *
 * Handlers return these values and know nothing of RESP2 or RESP3; `reply-encoder.ts` writes either. Replies
 * that are always the same exist once.
 */

export type Reply =
  /** A status such as `OK`; one line. */
  | { readonly kind: 'simple'; readonly text: string }
  /** The first word is what programs decide by; one line. */
  | { readonly kind: 'error'; readonly text: string }
  | { readonly kind: 'integer'; readonly value: number }
  /** Bytes; nobody may change them after the reply was made. */
  | { readonly kind: 'bulk'; readonly value: Uint8Array }
  /** A bulk string from text, as UTF-8. */
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'null' }
  | { readonly kind: 'array'; readonly items: readonly Reply[] }
  /** An array in RESP2. */
  | { readonly kind: 'set'; readonly items: readonly Reply[] }
  /** A flat array of names and values in RESP2. */
  | { readonly kind: 'map'; readonly entries: readonly (readonly [Reply, Reply])[] }
  /** Text for a person; a bulk string in RESP2. */
  | { readonly kind: 'verbatim'; readonly text: string };

/** The versions of the protocol. */
export type ProtocolVersion = 2 | 3;

export const okReply: Reply = { kind: 'simple', text: 'OK' };
export const nullReply: Reply = { kind: 'null' };

/** An error that a handler throws instead of returning it. */
export class CommandError extends Error {
  readonly reply: Reply;

  /** `text` starts with the word that programs decide by, such as `ERR`. */
  constructor(text: string) {
    super(text);
    this.name = 'CommandError';
    this.reply = errorReply(text);
  }
}

export function errorReply(text: string): Reply {
  return { kind: 'error', text };
}

export function integerReply(value: number): Reply {
  return { kind: 'integer', value };
}

export function textReply(text: string): Reply {
  return { kind: 'text', text };
}

export function simpleReply(text: string): Reply {
  return { kind: 'simple', text };
}

export function arrayReply(items: readonly Reply[]): Reply {
  return { kind: 'array', items };
}

/** A map with names as bulk strings. */
export function mapReply(fields: Readonly<Record<string, Reply>>): Reply {
  return { kind: 'map', entries: Object.entries(fields).map(([name, value]) => [textReply(name), value]) };
}

/** Bytes that a reply keeps in memory until it has left, roughly. */
export function replyBytesOf(reply: Reply): number {
  switch (reply.kind) {
    case 'bulk':
      return reply.value.length;
    case 'array':
    case 'set':
      return reply.items.reduce((sum, item) => sum + replyBytesOf(item) + 16, 16);
    case 'map':
      return reply.entries.reduce(
        (sum, [name, value]) => sum + replyBytesOf(name) + replyBytesOf(value) + 16,
        16,
      );
    case 'integer':
    case 'null':
      return 16;
    default:
      return reply.text.length;
  }
}
