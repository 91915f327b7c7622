/** The connection itself: `PING`, `HELLO`, `AUTH`, `SELECT`, `QUIT` and what else no key is needed for. */

import type { Command } from './command.ts';
import { integerOf, optionOf, syntaxError } from './command-words.ts';
import {
  arrayReply,
  CommandError,
  integerReply,
  mapReply,
  okReply,
  simpleReply,
  textReply,
  type Reply,
} from './reply.ts';
import { redisVersion } from './redis-version.ts';
import { setClientName } from './client-commands.ts';
import type { Session } from './session.ts';

type Words = readonly Buffer[];

const pong = simpleReply('PONG');

export const connectionCommands: readonly Command[] = [
  {
    name: 'ping',
    arity: -1,
    flags: ['fast', 'loading', 'stale'],
    group: 'connection',
    summary: '`PONG`, or the message.',
    syntax: '[message]',
    since: '1.0.0',
    run: (_session, words) => ping(words),
  },
  {
    name: 'echo',
    arity: 2,
    flags: ['fast', 'loading', 'stale'],
    group: 'connection',
    summary: 'The message.',
    syntax: 'message',
    since: '1.0.0',
    run: (_session, words) => ({ kind: 'bulk', value: words[1] ?? Buffer.alloc(0) }),
  },
  {
    name: 'hello',
    arity: -1,
    flags: ['fast', 'loading', 'stale'],
    group: 'connection',
    summary: 'Chooses RESP2 or RESP3 and tells what this server is.',
    syntax: '[protover [AUTH username password] [SETNAME clientname]]',
    since: '6.0.0',
    run: hello,
  },
  {
    name: 'auth',
    arity: -2,
    flags: ['fast', 'loading', 'stale'],
    group: 'connection',
    summary: 'There are no passwords: only `AUTH default <anything>` is accepted.',
    syntax: '[username] password',
    since: '1.0.0',
    run: (_session, words) => authenticate(words),
  },
  {
    name: 'select',
    arity: 2,
    flags: ['fast', 'loading', 'stale'],
    group: 'connection',
    summary: 'There is one database, 0.',
    syntax: 'index',
    since: '1.0.0',
    run: (_session, words) => {
      if (integerOf(words[1]) !== 0) throw new CommandError('ERR DB index is out of range');
      return okReply;
    },
  },
  {
    name: 'quit',
    arity: -1,
    flags: ['fast', 'loading', 'stale'],
    group: 'connection',
    summary: 'Closes the connection once everything before is answered.',
    syntax: '',
    since: '1.0.0',
    run: (session) => {
      session.closing = true;
      return okReply;
    },
  },
  {
    name: 'reset',
    arity: 1,
    flags: ['fast', 'loading', 'stale'],
    group: 'connection',
    summary: 'Makes the connection as it was at its beginning: RESP2, no name.',
    syntax: '',
    since: '6.2.0',
    run: (session) => {
      session.reset();
      return simpleReply('RESET');
    },
  },
];

function ping(words: Words): Reply {
  if (words.length > 2) throw new CommandError("ERR wrong number of arguments for 'ping' command");
  const message = words[1];
  return message === undefined ? pong : { kind: 'bulk', value: message };
}

function hello(session: Session, words: Words): Reply {
  let protocol = session.protocol;
  let name: Buffer | undefined;
  if (words.length > 1) {
    const version = /^[23]$/.exec(optionOf(words[1]))?.[0];
    if (version === undefined) throw new CommandError('NOPROTO unsupported protocol version');
    protocol = version === '3' ? 3 : 2;
  }
  for (let index = 2; index < words.length; index++) {
    const option = optionOf(words[index]);
    if (option === 'auth' && index + 2 < words.length) {
      authenticate([words[0] ?? Buffer.alloc(0), ...words.slice(index + 1, index + 3)]);
      index += 2;
    } else if (option === 'setname' && index + 1 < words.length) {
      name = words[++index];
    } else {
      throw syntaxError();
    }
  }
  if (name !== undefined) setClientName(session, name);
  session.protocol = protocol;
  return mapReply({
    server: textReply('mini-dynamo'),
    version: textReply(redisVersion),
    proto: integerReply(protocol),
    id: integerReply(session.id),
    mode: textReply('standalone'),
    role: textReply('master'),
    modules: arrayReply([]),
  });
}

/** The answers of a Redis without passwords. */
function authenticate(words: Words): Reply {
  if (words.length > 3) throw syntaxError();
  if (words.length === 2) {
    throw new CommandError(
      'ERR AUTH <password> called without any password configured for the default user. ' +
        'Are you sure your configuration is correct?',
    );
  }
  if (words[1]?.toString('latin1') !== 'default') {
    throw new CommandError('WRONGPASS invalid username-password pair or user is disabled.');
  }
  return okReply;
}
