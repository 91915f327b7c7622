/** Options and arguments that several commands share, and how their texts are read. */

import { Command, InvalidArgumentError, Option } from 'commander';

import { formatAddress, parseAddress, type Address } from './address.ts';
import { defaultDataRoot } from './local-cluster.ts';
import { defaultConfigPath } from './nodes-file-choice.ts';

/** A command for the local cluster, with `--config` and `--data-dir`. */
export function clusterCommand(name: string): Command {
  return new Command(name)
    .option('-c, --config <file>', 'the nodes of the cluster', defaultConfigPath)
    .option('-d, --data-dir <folder>', 'where the nodes keep their data, one folder each', defaultDataRoot);
}

/** Adds examples below the help of a command. */
export function withExamples(
  command: Command,
  examples: readonly (readonly [call: string, effect: string])[],
): Command {
  const width = Math.max(...examples.map(([call]) => call.length));
  const lines = examples.map(([call, effect]) =>
    `  $ mini-dynamo ${call.padEnd(width)}   ${effect}`.trimEnd(),
  );
  return command.addHelpText('after', `\nExamples:\n${lines.join('\n')}`);
}

/** `--wait` in seconds, for the command in milliseconds. */
export function waitOption(description: string, defaultMs: number): Option {
  return new Option('--wait <seconds>', description)
    .argParser(parseSeconds)
    .default(defaultMs, String(defaultMs / 1000));
}

/** Reads whole or broken seconds as milliseconds. */
function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (!(seconds > 0 && seconds <= 86_400))
    throw new InvalidArgumentError('Give seconds above 0, up to 86400.');
  return Math.round(seconds * 1000);
}

/** A parser for whole numbers within bounds. */
export function parseInteger(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^[0-9]{1,15}$/.test(text) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`Give a whole number from ${min} to ${max}.`);
  };
}

/** Reads the address of a running node. */
export function parseNodeAddress(text: string): Address {
  const parsed = parseAddress(text);
  if (!parsed.ok) throw new InvalidArgumentError(`It must be ${parsed.allowed}.`);
  return parsed.address;
}

/** `localhost:9001` for a command line. */
export function urlOf(address: Address): string {
  return `http://${formatAddress(address)}`;
}
