/**
 * The keys there are: `SCAN`, `KEYS`, `DBSIZE`.
 *
 * All three show the keys that this node holds, live ones only. Where every node owns every key (as many nodes as
 * replicas) that is all of the cluster, but for writes that have not reached this node yet; in a larger cluster scan
 * every node and join what they answer. A key that is there during the whole scan is returned at least once.
 */

import { setImmediate as nextTurn } from 'node:timers/promises';
import { limits } from '../../core/limits.ts';
import { readsAsDeleted } from '../../core/record.ts';
import type { ScanCursor } from '../../storage/store.ts';
import type { Command } from './command.ts';
import { integerOf, optionOf, syntaxError } from './command-words.ts';
import { matchesGlob } from './glob.ts';
import { arrayReply, CommandError, integerReply, textReply, type Reply } from './reply.ts';
import type { Session } from './session.ts';

type Words = readonly Buffer[];

const defaultCount = 10;

export const scanCommands: readonly Command[] = [
  {
    name: 'scan',
    arity: -2,
    flags: ['readonly'],
    group: 'generic',
    summary: 'One page of the keys that this node holds.',
    syntax: 'cursor [MATCH pattern] [COUNT count] [TYPE type]',
    since: '2.8.0',
    run: scan,
  },
  {
    name: 'keys',
    arity: 2,
    flags: ['readonly'],
    group: 'generic',
    summary: 'All keys that this node holds and that match; refused where there are many.',
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
      'How many keys this node holds; where there are many, deleted ones whose tombstones are kept count too.',
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
  const text = words[1]?.toString('latin1', 0, 32) ?? '';
  const cursor = /^\d{1,20}$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isNaN(cursor)) throw new CommandError('ERR invalid cursor');
  const { pattern, count, strings } = scanWanted(words);
  const { scanCursors } = session.server;
  const after = cursor === 0 ? undefined : scanCursors.find(cursor);
  if (cursor !== 0 && after === undefined) {
    throw new CommandError(
      'ERR invalid cursor: this node does not know it any more; start again with SCAN 0',
    );
  }
  const page = await session.node.local.keys({ after, limit: count });
  const found = strings ? liveKeys(session, page.entries, pattern) : [];
  const next = page.next === undefined ? 0 : scanCursors.follow(cursor, page.next);
  return arrayReply([textReply(String(next)), arrayReply(found)]);
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
  const held = session.node.storage().keys;
  if (held > limits.redisKeysListedMax) {
    throw new CommandError(
      `ERR KEYS would walk ${held} keys in one go; page through them with SCAN 0 MATCH pattern COUNT 1000`,
    );
  }
  const found: Reply[] = [];
  for await (const entries of pagesOf(session)) found.push(...liveKeys(session, entries, words[1]));
  return arrayReply(found);
}

async function countKeys(session: Session): Promise<Reply> {
  const held = session.node.storage().keys;
  if (held > limits.redisKeysCountedMax) return integerReply(held);
  let count = 0;
  for await (const entries of pagesOf(session)) count += liveKeys(session, entries, undefined).length;
  return integerReply(count);
}

type Entries = Awaited<ReturnType<Session['node']['local']['keys']>>['entries'];

/** All keys of this node, a page at a time; others have their turn between two pages. */
async function* pagesOf(session: Session): AsyncGenerator<Entries> {
  let after: ScanCursor | undefined;
  do {
    const page = await session.node.local.keys({ after, limit: limits.keysPageMax });
    yield page.entries;
    after = page.next;
    await nextTurn();
  } while (after !== undefined);
}

function liveKeys(session: Session, entries: Entries, pattern: Buffer | undefined): Reply[] {
  const nowMs = session.server.wallNow();
  const found: Reply[] = [];
  for (const { key, digest } of entries) {
    if (readsAsDeleted(digest, nowMs)) continue;
    if (pattern === undefined || matchesGlob(pattern, key)) found.push({ kind: 'bulk', value: key });
  }
  return found;
}
