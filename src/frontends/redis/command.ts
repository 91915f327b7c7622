/**
 * What a command is: its name, how many arguments it takes, where its keys are, and what carries it out.
 *
 * `COMMAND`, the arity check, the order of pipelined commands and the page docs/redis.md all follow from this one
 * description.
 */

import type { Reply } from './reply.ts';
import type { Session } from './session.ts';

/** Carries a command out. `words[0]` is its name as it was sent. Throws `CommandError` for a refusal. */
export type CommandHandler = (session: Session, words: readonly Buffer[]) => Reply | Promise<Reply>;

export type CommandFlag = 'readonly' | 'write' | 'fast' | 'admin' | 'loading' | 'stale';
export type CommandGroup = 'string' | 'generic' | 'connection' | 'server';

export interface CommandKeys {
  /** Position of the first key among the words. */
  readonly first: number;
  /** Of the last one; negative counts from the end. */
  readonly last: number;
  readonly step: number;
}

export interface Command {
  /** Lower case. */
  readonly name: string;
  /** Number of words, the name included; negative: at least that many. */
  readonly arity: number;
  readonly flags: readonly CommandFlag[];
  readonly group: CommandGroup;
  readonly summary: string;
  /** The arguments as documentation shows them, such as `key [key ...]`. */
  readonly syntax: string;
  /** Version of Redis that this command follows. */
  readonly since: string;
  /** Undefined for a command without keys. */
  readonly keys?: CommandKeys;
  readonly run: CommandHandler;
  /** A call with so many words is a plain read or write of `words[1]`, and goes to the store with others of its turn. */
  readonly plain?: { readonly words: number; readonly kind: 'read' | 'write' };
  /** Whether nothing may run beside this call on its connection, although it has only one key. */
  readonly isAlone?: (words: readonly Buffer[]) => boolean;
}

export const oneKey: CommandKeys = { first: 1, last: 1, step: 1 };
export const keysToEnd: CommandKeys = { first: 1, last: -1, step: 1 };

/** Whether a call has a number of words that the command takes. */
export function takesWords(command: Command, count: number): boolean {
  return command.arity >= 0 ? count === command.arity : count >= -command.arity;
}

/** The one key of a call; undefined when it has none or several. */
export function onlyKeyOf(command: Command, words: readonly Buffer[]): Buffer | undefined {
  if (command.keys === undefined) return undefined;
  if (command.keys.last !== 1 && words.length !== 1 + command.keys.step) return undefined;
  return words[1];
}
