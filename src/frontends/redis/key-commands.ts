/**
 * Keys: `DEL`, `EXISTS`, `TYPE`.
 *
 * `DEL` answers how many of the keys were there, which only a quorum read can tell, so it reads and then writes a
 * tombstone; it does so also for a key that seems absent, because a write whose outcome is unknown may still be on
 * its way.
 */

import type { RequestOptions } from '../../replica/node-api.ts';
import { keysToEnd, oneKey, type Command } from './command.ts';
import { integerReply, simpleReply, type Reply } from './reply.ts';
import type { Session } from './session.ts';
import { distinct, forEachKey } from './several-keys.ts';
import { versionOf } from './store-replies.ts';

type Words = readonly Buffer[];

export const keyCommands: readonly Command[] = [
  {
    name: 'del',
    arity: -2,
    flags: ['write'],
    group: 'generic',
    summary: 'Deletes keys; answers how many of them there were.',
    syntax: 'key [key ...]',
    since: '1.0.0',
    keys: keysToEnd,
    run: deleteKeys,
  },
  {
    name: 'unlink',
    arity: -2,
    flags: ['write', 'fast'],
    group: 'generic',
    summary: 'The same as DEL.',
    syntax: 'key [key ...]',
    since: '4.0.0',
    keys: keysToEnd,
    run: deleteKeys,
  },
  {
    name: 'exists',
    arity: -2,
    flags: ['readonly', 'fast'],
    group: 'generic',
    summary: 'How many of the keys there are; one that is given twice counts twice.',
    syntax: 'key [key ...]',
    since: '1.0.0',
    keys: keysToEnd,
    run: countKeys,
  },
  {
    name: 'type',
    arity: 2,
    flags: ['readonly', 'fast'],
    group: 'generic',
    summary: '`string`, or `none` where there is nothing.',
    syntax: 'key',
    since: '1.0.0',
    keys: oneKey,
    run: typeOf,
  },
];

async function deleteKeys(session: Session, words: Words): Promise<Reply> {
  const existed = await forEachKey(distinct(words.slice(1)), async (key) => {
    const outcome = await session.node.get({ key });
    const version = versionOf(outcome);
    const seen = version ?? (outcome.kind === 'missing' ? outcome.digest : undefined);
    const request: RequestOptions & { readonly key: Uint8Array } =
      seen === undefined ? { key } : { key, context: seen.dot };
    await session.mustDelete(request);
    return version !== undefined;
  });
  return integerReply(existed.filter(Boolean).length);
}

async function countKeys(session: Session, words: Words): Promise<Reply> {
  const found = await forEachKey(
    words.slice(1),
    async (key) => versionOf(await session.node.get({ key })) !== undefined,
  );
  return integerReply(found.filter(Boolean).length);
}

async function typeOf(session: Session, words: Words): Promise<Reply> {
  const version = versionOf(await session.node.get({ key: words[1] ?? Buffer.alloc(0) }));
  return simpleReply(version === undefined ? 'none' : 'string');
}
