/**
 * The keys there are: `SCAN`, `KEYS`, `DBSIZE`.
 *
 * All three ask the owners of every partition and rest, as a read does, on R of them. A cursor is the token of the
 * next key as a number, so it holds at every node, for ever, and for any number of scans. A key that is there during
 * the whole scan is returned, and once only.
 */

import { setImmediate as nextTurn } from 'node:timers/promises';
import { limits } from '../../core/limits.ts';
import { readsAsDeleted } from '../../core/record.ts';
import type { Token } from '../../core/token.ts';
import type { KeyEntry, ScanOutcome } from '../../replica/node-api.ts';
import type { Command } from './command.ts';
import { integerOf, optionOf, syntaxError } from './command-words.ts';
import { matchesGlob } from './glob.ts';
import { arrayReply, CommandError, integerReply, textReply, type Reply } from './reply.ts';
import type { Session } from './session.ts';
import { errorTextOf } from './store-replies.ts';

type Words = readonly Buffer[];

const defaultCount = 10;
const firstToken: Token = { high: 0, low: 0 };
const cursorEnd = 1n << 64n;

export const scanCommands: readonly Command[] = [
  {
    name: 'scan',
    arity: -2,
    flags: ['readonly'],
    group: 'generic',
    summary: 'One page of the keys; COUNT is how many at least, unless the partitions asked are empty.',
    syntax: 'cursor [MATCH pattern] [COUNT count] [TYPE type]',
    since: '2.8.0',
    run: scan,
  },
  {
    name: 'keys',
    arity: 2,
    flags: ['readonly'],
    group: 'generic',
    summary: 'All keys that match; refused where there are many.',
    syntax: 'pattern',
    since: '1.0.0',
    run: keys,
  },
  {
    name: 'dbsize',
    arity: 1,
    flags: ['readonly', 'fast'],
    group: 'server',
    summary:
      'How many keys there are; where there are many, how many this node holds, kept tombstones included.',
    syntax: '',
    since: '1.0.0',
    run: (session) => countKeys(session),
  },
];

interface ScanWanted {
  readonly pattern: Buffer | undefined;
  readonly count: number;
  /** False when a type is asked for that no key has. */
  readonly strings: boolean;
}

async function scan(session: Session, words: Words): Promise<Reply> {
  const from = tokenOfCursor(words[1]?.toString('latin1', 0, 32) ?? '');
  const { pattern, count, strings } = scanWanted(words);
  const page = pageOf(await session.node.scan({ from, limit: count }));
  const found = strings ? liveKeys(session, page.entries, pattern) : [];
  return arrayReply([textReply(cursorOf(page.next)), arrayReply(found)]);
}

function scanWanted(words: Words): ScanWanted {
  let pattern: Buffer | undefined;
  let count = defaultCount;
  let strings = true;
  for (let index = 2; index < words.length; index += 2) {
    const value = words[index + 1];
    const option = optionOf(words[index]);
    if (value === undefined) throw syntaxError();
    if (option === 'match') {
      pattern = value;
    } else if (option === 'count') {
      count = integerOf(value);
      if (count < 1) throw syntaxError();
    } else if (option === 'type') {
      strings = optionOf(value) === 'string';
    } else {
      throw syntaxError();
    }
  }
  return { pattern, count: Math.min(count, limits.keysPageMax), strings };
}

async function keys(session: Session, words: Words): Promise<Reply> {
  const found: Reply[] = [];
  for await (const entries of pagesOf(session)) {
    found.push(...liveKeys(session, entries, words[1]));
    if (found.length > limits.redisKeysListedMax) {
      throw new CommandError(
        `ERR KEYS found more than ${limits.redisKeysListedMax} keys; page through them with SCAN 0 MATCH pattern COUNT 1000`,
      );
    }
  }
  return arrayReply(found);
}

async function countKeys(session: Session): Promise<Reply> {
  const held = session.node.storage().keys;
  if (held > limits.redisKeysCountedMax) return integerReply(held);
  let count = 0;
  for await (const entries of pagesOf(session)) count += liveKeys(session, entries, undefined).length;
  return integerReply(count);
}

/** All keys, a page at a time; others have their turn between two pages. */
async function* pagesOf(session: Session): AsyncGenerator<readonly KeyEntry[]> {
  let from: Token | undefined = firstToken;
  while (from !== undefined) {
    const page = pageOf(await session.node.scan({ from, limit: limits.keysPageMax }));
    yield page.entries;
    from = page.next;
    await nextTurn();
  }
}

function pageOf(outcome: ScanOutcome): Extract<ScanOutcome, { kind: 'page' }> {
  if (outcome.kind === 'page') return outcome;
  throw new CommandError(errorTextOf(outcome.code, outcome.message));
}

function liveKeys(session: Session, entries: readonly KeyEntry[], pattern: Buffer | undefined): Reply[] {
  const nowMs = session.server.wallNow();
  const found: Reply[] = [];
  for (const { key, digest } of entries) {
    if (readsAsDeleted(digest, nowMs)) continue;
    if (pattern === undefined || matchesGlob(pattern, key)) found.push({ kind: 'bulk', value: key });
  }
  return found;
}

/** 64 bits, as Redis' own cursors; 0 stands for both the beginning and the end. */
function cursorOf(next: Token | undefined): string {
  return next === undefined ? '0' : String((BigInt(next.high) << 32n) | BigInt(next.low));
}

function tokenOfCursor(text: string): Token {
  const cursor = /^\d{1,20}$/.test(text) ? BigInt(text) : cursorEnd;
  if (cursor >= cursorEnd) throw new CommandError('ERR invalid cursor');
  return { high: Number(cursor >> 32n), low: Number(cursor & 0xffff_ffffn) };
}
