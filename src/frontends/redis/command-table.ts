/**
 * All commands by name, and `COMMAND`, which tells a client about them.
 */

import { clientCommands } from './client-commands.ts';
import { type Command, onlyKeyOf, takesWords } from './command.ts';
import { optionOf } from './command-words.ts';
import { connectionCommands } from './connection-commands.ts';
import { expiryCommands } from './expiry-commands.ts';
import { keyCommands } from './key-commands.ts';
import { refusalOf } from './refused-commands.ts';
import {
  arrayReply,
  CommandError,
  integerReply,
  mapReply,
  nullReply,
  simpleReply,
  textReply,
  type Reply,
} from './reply.ts';
import { scanCommands } from './scan-commands.ts';
import { serverCommands } from './server-commands.ts';
import { stringCommands } from './string-commands.ts';

const describing: Command = {
  name: 'command',
  arity: -1,
  flags: ['loading', 'stale'],
  group: 'server',
  summary: 'The commands there are, as data.',
  syntax: '[COUNT | LIST | INFO [name ...] | DOCS [name ...]]',
  since: '2.8.13',
  run: (_session, words) => describeCommands(words),
};

/** Every command, in the order of the documentation. */
export const commands: readonly Command[] = [
  ...stringCommands,
  ...keyCommands,
  ...expiryCommands,
  ...scanCommands,
  ...connectionCommands,
  ...clientCommands,
  ...serverCommands,
  describing,
];

const byName: ReadonlyMap<string, Command> = new Map(
  // Programs write names in upper case, people in lower case: both are found without a conversion.
  commands.flatMap((command) => [
    [command.name, command],
    [command.name.toUpperCase(), command],
  ]),
);

/** The command of a request. Throws `CommandError` when there is none or it takes other arguments. */
export function commandOf(words: readonly Buffer[]): Command {
  const name = words[0]?.toString('latin1', 0, 64) ?? '';
  const command = byName.get(name) ?? byName.get(name.toLowerCase());
  if (command === undefined) throw new CommandError(refusalOf(name.toLowerCase()) ?? unknown(name, words));
  if (!takesWords(command, words.length)) {
    throw new CommandError(`ERR wrong number of arguments for '${command.name}' command`);
  }
  return command;
}

/** The one key whose order with other requests of the connection matters; undefined when nothing may run beside. */
export function orderingKeyOf(command: Command, words: readonly Buffer[]): Buffer | undefined {
  return command.isAlone?.(words) === true ? undefined : onlyKeyOf(command, words);
}

/** Whether a word is the name of a command, in any case. */
export function isCommandName(name: string): boolean {
  return byName.has(name.toLowerCase());
}

function unknown(name: string, words: readonly Buffer[]): string {
  const shown = (text: string): string => `'${text.replaceAll(/[^ -~]/g, '?')}'`;
  const beginning = words.slice(1, 5).map((word) => `${shown(word.toString('latin1', 0, 32))} `);
  return `ERR unknown command ${shown(name)}, with args beginning with: ${beginning.join('')}`;
}

function describeCommands(words: readonly Buffer[]): Reply {
  const names = words.slice(2).map(optionOf);
  switch (optionOf(words[1])) {
    case '':
      return arrayReply(commands.map(infoOf));
    case 'count':
      return integerReply(commands.length);
    case 'list':
      return arrayReply(commands.map((command) => textReply(command.name)));
    case 'info':
      if (names.length === 0) return arrayReply(commands.map(infoOf));
      return arrayReply(names.map((name) => (byName.has(name) ? infoOf(commandNamed(name)) : nullReply)));
    case 'docs': {
      const chosen =
        names.length === 0 ? commands : names.filter((name) => byName.has(name)).map(commandNamed);
      return mapReply(Object.fromEntries(chosen.map((command) => [command.name, docsOf(command)])));
    }
    default:
      throw new CommandError('ERR unknown subcommand of COMMAND; there are COUNT, LIST, INFO and DOCS');
  }
}

function commandNamed(name: string): Command {
  const command = byName.get(name);
  if (command === undefined) throw new CommandError(`ERR unknown command '${name}'`);
  return command;
}

function infoOf(command: Command): Reply {
  const { first, last, step } = command.keys ?? { first: 0, last: 0, step: 0 };
  const flags: Reply = { kind: 'set', items: command.flags.map(simpleReply) };
  const none: Reply = { kind: 'set', items: [] };
  return arrayReply([
    textReply(command.name),
    integerReply(command.arity),
    flags,
    integerReply(first),
    integerReply(last),
    integerReply(step),
    none,
    none,
    none,
    none,
  ]);
}

function docsOf(command: Command): Reply {
  return mapReply({
    summary: textReply(command.summary),
    since: textReply(command.since),
    group: textReply(command.group),
  });
}
