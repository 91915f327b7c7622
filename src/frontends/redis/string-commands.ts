/**
 * Values: `GET`, `SET` and what goes with them.
 *
 * A value is the same whether it came by HTTP or by Redis. What reads and then writes (`GETDEL`, `GETEX`, `SET` with
 * `GET` or `KEEPTTL`) reads at the read quorum and writes with what it read as causal context: the write wins over
 * that version, but another client's write may come in between and be overwritten. Nothing here is a
 * compare-and-set.
 */

import { limits } from '../../core/limits.ts';
import type { Dot } from '../../core/dot.ts';
import type { PutRequest } from '../../replica/node-api.ts';
import { oneKey, keysToEnd, type Command } from './command.ts';
import { expiryOf, integerOf, isExpiryOption, optionOf, syntaxError } from './command-words.ts';
import { arrayReply, CommandError, integerReply, nullReply, okReply, type Reply } from './reply.ts';
import { replyOfRead, versionOf } from './store-replies.ts';
import { readTogether, writeTogether } from './several-keys.ts';
import type { Session } from './session.ts';

type Mutable<Type> = { -readonly [Field in keyof Type]: Type[Field] };
type Words = readonly Buffer[];

const none: Buffer = Buffer.alloc(0);

export const stringCommands: readonly Command[] = [
  {
    name: 'get',
    arity: 2,
    flags: ['readonly', 'fast'],
    group: 'string',
    summary: 'The value of a key, by R replicas.',
    syntax: 'key',
    since: '1.0.0',
    keys: oneKey,
    plain: { words: 2, kind: 'read' },
    run: get,
  },
  {
    name: 'set',
    arity: -3,
    flags: ['write'],
    group: 'string',
    summary: 'Sets the value of a key, durable on W replicas.',
    syntax:
      'key value [GET] [EX seconds | PX milliseconds | EXAT unix-seconds | PXAT unix-milliseconds | KEEPTTL]',
    since: '1.0.0',
    keys: oneKey,
    isAlone: (words) => words.length > 3 && words.slice(3).some((word) => optionOf(word) === 'get'),
    plain: { words: 3, kind: 'write' },
    run: set,
  },
  {
    name: 'setex',
    arity: 4,
    flags: ['write'],
    group: 'string',
    summary: 'Sets a value that expires after some seconds.',
    syntax: 'key seconds value',
    since: '2.0.0',
    keys: oneKey,
    run: (session, words) => setExpiring(session, words, 'ex'),
  },
  {
    name: 'psetex',
    arity: 4,
    flags: ['write'],
    group: 'string',
    summary: 'Sets a value that expires after some milliseconds.',
    syntax: 'key milliseconds value',
    since: '2.6.0',
    keys: oneKey,
    run: (session, words) => setExpiring(session, words, 'px'),
  },
  {
    name: 'mget',
    arity: -2,
    flags: ['readonly', 'fast'],
    group: 'string',
    summary: 'The values of several keys, each read by itself.',
    syntax: 'key [key ...]',
    since: '1.0.0',
    keys: keysToEnd,
    isAlone: () => true,
    run: getSeveral,
  },
  {
    name: 'mset',
    arity: -3,
    flags: ['write'],
    group: 'string',
    summary: 'Sets several keys, each by itself: others may see some of them before the rest.',
    syntax: 'key value [key value ...]',
    since: '1.0.1',
    keys: { first: 1, last: -1, step: 2 },
    isAlone: () => true,
    run: setSeveral,
  },
  {
    name: 'strlen',
    arity: 2,
    flags: ['readonly', 'fast'],
    group: 'string',
    summary: 'The length of a value.',
    syntax: 'key',
    since: '2.2.0',
    keys: oneKey,
    run: lengthOf,
  },
  {
    name: 'getdel',
    arity: 2,
    flags: ['write', 'fast'],
    group: 'string',
    summary: 'Reads a value, then deletes the key.',
    syntax: 'key',
    since: '6.2.0',
    keys: oneKey,
    isAlone: () => true,
    run: getAndDelete,
  },
  {
    name: 'getex',
    arity: -2,
    flags: ['write', 'fast'],
    group: 'string',
    summary: 'Reads a value, then sets or removes its expiry.',
    syntax: 'key [EX seconds | PX milliseconds | EXAT unix-seconds | PXAT unix-milliseconds | PERSIST]',
    since: '6.2.0',
    keys: oneKey,
    isAlone: () => true,
    run: getAndExpire,
  },
];

function get(session: Session, words: Words): Promise<Reply> {
  return session.node.get({ key: words[1] ?? none, client: session }).then(replyOfRead);
}

function set(session: Session, words: Words): Promise<Reply> {
  const key = words[1] ?? none;
  const value = words[2] ?? none;
  if (words.length === 3) return session.put({ key, value, client: session });
  return setWithOptions(session, { key, value, client: session }, words);
}

async function setWithOptions(session: Session, request: Mutable<PutRequest>, words: Words): Promise<Reply> {
  let wantsOld = false;
  let keepsExpiry = false;
  for (let index = 3; index < words.length; index++) {
    const option = optionOf(words[index]);
    if (option === 'nx' || option === 'xx') throw noCondition(`SET with ${option.toUpperCase()}`);
    if (option === 'get' && !wantsOld) {
      wantsOld = true;
    } else if (option === 'keepttl' && !keepsExpiry && request.expiresAtMs === undefined) {
      keepsExpiry = true;
    } else if (isExpiryOption(option) && !keepsExpiry && request.expiresAtMs === undefined) {
      const about = { nowMs: session.server.wallNow(), command: 'set' };
      if (++index >= words.length) throw syntaxError();
      request.expiresAtMs = expiryOf(option, words[index], about);
    } else {
      throw syntaxError();
    }
  }
  if (!wantsOld && !keepsExpiry) return session.put(request);
  const outcome = await session.node.get({ key: request.key, client: session });
  const old = versionOf(outcome);
  const context: Dot | undefined = old?.dot ?? (outcome.kind === 'missing' ? outcome.digest?.dot : undefined);
  if (context !== undefined) request.context = context;
  if (keepsExpiry && old !== undefined && old.expiresAtMs !== 0) request.expiresAtMs = old.expiresAtMs;
  await session.mustPut(request);
  return wantsOld ? replyOfRead(outcome) : okReply;
}

function setExpiring(session: Session, words: Words, unit: 'ex' | 'px'): Promise<Reply> {
  const about = { nowMs: session.server.wallNow(), command: unit === 'ex' ? 'setex' : 'psetex' };
  const expiresAtMs = expiryOf(unit, words[2], about);
  return session.put({ key: words[1] ?? none, value: words[3] ?? none, expiresAtMs, client: session });
}

async function getSeveral(session: Session, words: Words): Promise<Reply> {
  let bytes = 0;
  const values: Reply[] = [];
  for (let first = 1; first < words.length;) {
    // Long values are all in memory at once: of them fewer are asked for together.
    const areShort = first > 1 && bytes <= first * limits.sampledReplyBytesMax;
    const count = areShort ? limits.keysAtOnceMax : limits.redisKeysAtOnceMax;
    for (const outcome of await readTogether(session, words.slice(first, first + count))) {
      const reply = replyOfRead(outcome);
      if (reply.kind === 'error') throw new CommandError(reply.text);
      bytes += reply.kind === 'bulk' ? reply.value.length : 0;
      values.push(reply);
    }
    if (bytes > limits.clientOutputBytesMax) {
      throw new CommandError(
        `ERR the values have more than ${limits.clientOutputBytesMax} bytes together; ask for fewer keys at once`,
      );
    }
    first += count;
  }
  return arrayReply(values);
}

/** Every key is tried, so that a failure leaves as little undone as there is. */
async function setSeveral(session: Session, words: Words): Promise<Reply> {
  if (words.length % 2 === 0) throw new CommandError("ERR wrong number of arguments for 'mset' command");
  const pairs: PutRequest[] = [];
  const position = new Map<string, number>();
  for (let index = 1; index < words.length; index += 2) {
    const key = words[index] ?? none;
    const name = key.toString('latin1');
    // Of a key that is given twice the last value counts, whichever write would be quicker.
    const at = position.get(name) ?? pairs.length;
    position.set(name, at);
    pairs[at] = { key, value: words[index + 1] ?? none, client: session };
  }
  const replies = await writeTogether(session, pairs);
  const failures = replies.filter((reply) => reply.kind === 'error');
  const [first] = failures.toSorted((left, right) => rank(left) - rank(right));
  if (first?.kind !== 'error') return okReply;
  throw new CommandError(
    `${first.text} (${replies.length - failures.length} of ${replies.length} keys are known to be set)`,
  );
}

/** What cannot be told comes first: the whole is then unknown too. */
function rank(reply: Reply): number {
  return reply.kind === 'error' && reply.text.startsWith('UNKNOWN') ? 0 : 1;
}

async function lengthOf(session: Session, words: Words): Promise<Reply> {
  const version = versionOf(await session.node.get({ key: words[1] ?? none }));
  return integerReply(version?.value.length ?? 0);
}

async function getAndDelete(session: Session, words: Words): Promise<Reply> {
  const key = words[1] ?? none;
  const version = versionOf(await session.node.get({ key }));
  if (version === undefined) return nullReply;
  await session.mustDelete({ key, context: version.dot });
  return { kind: 'bulk', value: version.value };
}

async function getAndExpire(session: Session, words: Words): Promise<Reply> {
  const key = words[1] ?? none;
  const expiresAtMs = expiryWanted(session, words);
  const version = versionOf(await session.node.get({ key }));
  if (version === undefined) return nullReply;
  if (expiresAtMs !== undefined && expiresAtMs !== version.expiresAtMs) {
    const { value, contentType, dot } = version;
    await session.mustPut({ key, value, contentType, expiresAtMs, context: dot });
  }
  return { kind: 'bulk', value: version.value };
}

/** The expiry that `GETEX` shall set, 0 for none; undefined when it shall stay. */
function expiryWanted(session: Session, words: Words): number | undefined {
  if (words.length === 2) return undefined;
  const option = optionOf(words[2]);
  if (option === 'persist' && words.length === 3) return 0;
  if (!isExpiryOption(option) || words.length !== 4) throw syntaxError();
  integerOf(words[3]);
  return expiryOf(option, words[3], { nowMs: session.server.wallNow(), command: 'getex' });
}

/** Refuses what would need all replicas to agree on what is current. */
export function noCondition(what: string): CommandError {
  return new CommandError(
    `ERR ${what} is a compare-and-set, which a leaderless store cannot promise: replicas accept writes at the same ` +
      'time. Write under a key of your own, or read first and accept that the last write wins',
  );
}
