/**
 * What is asked of a server: `CONFIG GET`, `TIME`, `WAIT`, and the two that a Redis cluster client sends.
 *
 * `WAIT` has nothing to wait for: a write is answered once W replicas have it durable, and the others get it all the
 * same. It answers at once how many copies beside the first the writes of this connection had by then.
 */

import type { Command } from './command.ts';
import { integerOf, optionOf } from './command-words.ts';
import { infoText } from './info.ts';
import { arrayReply, CommandError, integerReply, mapReply, okReply, textReply, type Reply } from './reply.ts';
import type { Session } from './session.ts';

type Words = readonly Buffer[];

export const serverCommands: readonly Command[] = [
  {
    name: 'info',
    arity: -1,
    flags: ['loading', 'stale'],
    group: 'server',
    summary: 'Figures of this node, by section.',
    syntax: '[section [section ...]]',
    since: '1.0.0',
    run: (session, words) => ({ kind: 'verbatim', text: infoText(session, words.slice(1).map(optionOf)) }),
  },
  {
    name: 'config',
    arity: -2,
    flags: ['admin', 'loading', 'stale'],
    group: 'server',
    summary: 'GET only: what of the configuration has a name in Redis.',
    syntax: 'GET parameter [parameter ...]',
    since: '2.0.0',
    run: config,
  },
  {
    name: 'time',
    arity: 1,
    flags: ['fast', 'loading', 'stale'],
    group: 'server',
    summary: "This node's wall clock: seconds and microseconds.",
    syntax: '',
    since: '2.6.0',
    run: (session) => {
      const nowMs = session.server.wallNow();
      return arrayReply([
        textReply(String(Math.floor(nowMs / 1_000))),
        textReply(String((nowMs % 1_000) * 1_000)),
      ]);
    },
  },
  {
    name: 'wait',
    arity: 3,
    flags: [],
    group: 'generic',
    summary:
      'On how many replicas beside the first the writes of this connection were durable when answered.',
    syntax: 'numreplicas timeout',
    since: '3.0.0',
    run: wait,
  },
  {
    name: 'readonly',
    arity: 1,
    flags: ['fast', 'loading', 'stale'],
    group: 'server',
    summary: 'Changes nothing: every node takes reads and writes.',
    syntax: '',
    since: '3.0.0',
    run: () => okReply,
  },
  {
    name: 'readwrite',
    arity: 1,
    flags: ['fast', 'loading', 'stale'],
    group: 'server',
    summary: 'Changes nothing: every node takes reads and writes.',
    syntax: '',
    since: '3.0.0',
    run: () => okReply,
  },
];

function wait(session: Session, words: Words): Reply {
  const timeoutMs = integerOf(words[2]);
  integerOf(words[1]);
  if (timeoutMs < 0) throw new CommandError('ERR timeout is negative');
  const holders = session.takeFewestHolders() ?? session.node.ring().quorum.n;
  return integerReply(Math.max(0, holders - 1));
}

function config(session: Session, words: Words): Reply {
  const subcommand = optionOf(words[1]);
  if (subcommand !== 'get') {
    throw new CommandError(
      `ERR CONFIG ${subcommand.replaceAll(/[^\w-]/g, '?').toUpperCase()} is not supported: settings are in the nodes file ` +
        'and are read when a node starts; CONFIG GET is',
    );
  }
  if (words.length < 3) throw new CommandError("ERR wrong number of arguments for 'config|get' command");
  const patterns = words.slice(2).map((word) => globOf(optionOf(word)));
  const chosen = Object.entries(settingsOf(session)).filter(([name]) =>
    patterns.some((pattern) => pattern.test(name)),
  );
  return mapReply(Object.fromEntries(chosen.map(([name, value]) => [name, textReply(value)])));
}

/** Truthful values of what clients and redis-benchmark ask for. */
function settingsOf(session: Session): Readonly<Record<string, string>> {
  return {
    appendonly: 'yes',
    databases: '1',
    maxmemory: '0',
    'maxmemory-policy': 'noeviction',
    'proto-max-bulk-len': String(session.server.valueBytesMax),
    save: '',
    timeout: '0',
  };
}

/** Only `*` and `?` of the patterns of Redis: names of settings hold nothing else. */
function globOf(pattern: string): RegExp {
  const source = pattern
    .replaceAll(/[^\w*?-]/g, '\\$&')
    .replaceAll(/\*+/g, '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${source}$`);
}
