/**
 * When a key expires: `EXPIRE`, `PERSIST`, `TTL` and their kin.
 *
 * An expiry is part of the version, so changing it writes the value that was read anew, with what was read as causal
 * context. A value that another client sets between the read and the write is then overwritten by the older one:
 * give the expiry with the value (`SET key value EX 60`) where that matters.
 */

import { oneKey, type Command } from './command.ts';
import { instantOf, integerOf, type ExpiryOption } from './command-words.ts';
import { integerReply, type Reply } from './reply.ts';
import type { Session } from './session.ts';
import { versionOf } from './store-replies.ts';
import { noCondition } from './string-commands.ts';

type Words = readonly Buffer[];

/** What Redis answers for a key that is not there, and for one that never expires. */
const noKey = integerReply(-2);
const noExpiry = integerReply(-1);

export const expiryCommands: readonly Command[] = [
  expire('expire', 'ex', 'Lets a key expire after some seconds.', 'seconds', '1.0.0'),
  expire('pexpire', 'px', 'Lets a key expire after some milliseconds.', 'milliseconds', '2.6.0'),
  expire('expireat', 'exat', 'Lets a key expire at a time.', 'unix-seconds', '1.2.0'),
  expire('pexpireat', 'pxat', 'Lets a key expire at a time.', 'unix-milliseconds', '2.6.0'),
  {
    name: 'persist',
    arity: 2,
    flags: ['write', 'fast'],
    group: 'generic',
    summary: 'Removes the expiry of a key.',
    syntax: 'key',
    since: '2.2.0',
    keys: oneKey,
    run: persist,
  },
  asked('ttl', 'Seconds until a key expires; -1 for never, -2 for no key.', '1.0.0', (at, now) =>
    Math.floor((at - now + 500) / 1_000),
  ),
  asked(
    'pttl',
    'Milliseconds until a key expires; -1 for never, -2 for no key.',
    '2.6.0',
    (at, now) => at - now,
  ),
  asked('expiretime', 'The Unix time in seconds at which a key expires.', '7.0.0', (at) =>
    Math.floor((at + 500) / 1_000),
  ),
  asked('pexpiretime', 'The Unix time in milliseconds at which a key expires.', '7.0.0', (at) => at),
];

function expire(
  name: string,
  option: ExpiryOption,
  summary: string,
  argument: string,
  since: string,
): Command {
  return {
    name,
    arity: -3,
    flags: ['write', 'fast'],
    group: 'generic',
    summary,
    syntax: `key ${argument}`,
    since,
    keys: oneKey,
    run: (session, words) => setExpiry(session, words, { name, option }),
  };
}

function asked(
  name: string,
  summary: string,
  since: string,
  answer: (expiresAtMs: number, nowMs: number) => number,
): Command {
  return {
    name,
    arity: 2,
    flags: ['readonly', 'fast'],
    group: 'generic',
    summary,
    syntax: 'key',
    since,
    keys: oneKey,
    run: async (session, words) => {
      const version = versionOf(await session.node.get({ key: words[1] ?? Buffer.alloc(0) }));
      if (version === undefined) return noKey;
      if (version.expiresAtMs === 0) return noExpiry;
      return integerReply(Math.max(0, answer(version.expiresAtMs, session.server.wallNow())));
    },
  };
}

async function setExpiry(
  session: Session,
  words: Words,
  command: { readonly name: string; readonly option: ExpiryOption },
): Promise<Reply> {
  const key = words[1] ?? Buffer.alloc(0);
  const nowMs = session.server.wallNow();
  integerOf(words[2]);
  const expiresAtMs = instantOf(command.option, words[2], { nowMs, command: command.name });
  if (words.length > 3) throw noCondition(`${command.name.toUpperCase()} with NX, XX, GT or LT`);
  const version = versionOf(await session.node.get({ key }));
  if (version === undefined) return integerReply(0);
  const { value, contentType, dot } = version;
  if (expiresAtMs <= nowMs) await session.mustDelete({ key, context: dot });
  else await session.mustPut({ key, value, contentType, expiresAtMs, context: dot });
  return integerReply(1);
}

async function persist(session: Session, words: Words): Promise<Reply> {
  const key = words[1] ?? Buffer.alloc(0);
  const version = versionOf(await session.node.get({ key }));
  if (version === undefined || version.expiresAtMs === 0) return integerReply(0);
  const { value, contentType, dot } = version;
  await session.mustPut({ key, value, contentType, context: dot });
  return integerReply(1);
}
