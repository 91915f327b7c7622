/** `CLIENT` and its subcommands: who is connected, and what clients say about themselves. */

import type { Command } from './command.ts';
import { optionOf, syntaxError } from './command-words.ts';
import { CommandError, integerReply, nullReply, okReply, textReply, type Reply } from './reply.ts';
import type { Session } from './session.ts';

type Words = readonly Buffer[];

export const clientCommands: readonly Command[] = [
  {
    name: 'client',
    arity: -2,
    flags: ['loading', 'stale'],
    group: 'connection',
    summary: 'Who is connected: ID, GETNAME, SETNAME, SETINFO, LIST, INFO, NO-EVICT, NO-TOUCH.',
    syntax:
      'ID | GETNAME | SETNAME name | SETINFO LIB-NAME name | SETINFO LIB-VER version | LIST | INFO | NO-EVICT ON | OFF',
    since: '2.4.0',
    run: client,
  },
];

function client(session: Session, words: Words): Reply {
  const subcommand = optionOf(words[1]);
  const first = words[2] ?? Buffer.alloc(0);
  switch (`${subcommand} ${words.length - 2}`) {
    case 'id 0':
      return integerReply(session.id);
    case 'getname 0':
      return session.name === '' ? nullReply : textReply(session.name);
    case 'setname 1':
      setClientName(session, first);
      return okReply;
    case 'setinfo 2':
      return setLibrary(session, optionOf(first), words[3] ?? Buffer.alloc(0));
    case 'list 0':
      return { kind: 'verbatim', text: [...session.server.sessions].map(describe).join('') };
    case 'info 0':
      return { kind: 'verbatim', text: describe(session) };
    case 'no-evict 1':
    case 'no-touch 1':
      // Nothing is ever evicted here, and reads touch nothing.
      if (!/^(?:on|off)$/.test(optionOf(first))) throw syntaxError();
      return okReply;
    default:
      throw new CommandError(
        `ERR unknown subcommand or wrong number of arguments for 'client|${subcommand.replaceAll(/[^\w-]/g, '?')}'; ` +
          'there are ID, GETNAME, SETNAME, SETINFO, LIST, INFO, NO-EVICT and NO-TOUCH',
      );
  }
}

/** Sets the name that `CLIENT LIST` shows. Throws `CommandError` for one that would break its lines. */
export function setClientName(session: Session, name: Buffer): void {
  session.name = plainText(name, 'Client names cannot contain spaces, newlines or special characters.');
}

function setLibrary(session: Session, attribute: string, value: Buffer): Reply {
  const refusal = `${attribute} cannot contain spaces, newlines or special characters.`;
  if (attribute === 'lib-name') session.libraryName = plainText(value, refusal);
  else if (attribute === 'lib-ver') session.libraryVersion = plainText(value, refusal);
  else throw new CommandError(`ERR Unrecognized option '${attribute.replaceAll(/[^\w-]/g, '?')}'`);
  return okReply;
}

function plainText(word: Buffer, refusal: string): string {
  const text = word.toString('latin1');
  if (text.length > 256 || !/^[!-~]*$/.test(text)) throw new CommandError(`ERR ${refusal}`);
  return text;
}

/** One line of `CLIENT LIST`. */
function describe(session: Session): string {
  const nowMs = session.server.wallNow();
  const seconds = (sinceMs: number): number => Math.max(0, Math.floor((nowMs - sinceMs) / 1_000));
  const fields: readonly (readonly [string, string | number])[] = [
    ['id', session.id],
    ['addr', session.address],
    ['laddr', session.localAddress],
    ['name', session.name],
    ['age', seconds(session.connectedAtMs)],
    ['idle', seconds(session.lastCommandAtMs)],
    ['flags', 'N'],
    ['db', 0],
    ['cmd', session.lastCommand === '' ? 'NULL' : session.lastCommand],
    ['user', 'default'],
    ['resp', session.protocol],
    ['lib-name', session.libraryName],
    ['lib-ver', session.libraryVersion],
  ];
  return `${fields.map(([name, value]) => `${name}=${value}`).join(' ')}\n`;
}
