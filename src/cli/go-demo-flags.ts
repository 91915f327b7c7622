/**
 * Command lines of the Go demo: `--id=n1 --config=nodes.json` without a command, one dash or two, words
 * joined by underscores. What still has a meaning is translated; what has none any more is refused with its
 * successor, because a flag that is silently ignored is a setting that does not hold.
 */

import { UsageFailure } from './command-failure.ts';

/** Flags that kept their meaning. */
const kept: ReadonlyMap<string, string> = new Map([
  ['id', '--id'],
  ['config', '--config'],
  ['listen', '--listen'],
  ['data_dir', '--data-dir'],
]);

/** Flags that are gone, each with what took its place. */
export const successors: ReadonlyMap<string, string> = new Map([
  ['hintwal', "hints lie in the node's own log, under --data-dir"],
  ['kvwal', 'the log is the data, under --data-dir'],
  ['kvsnap', 'index checkpoints lie beside the log, under --data-dir'],
  [
    'snap_interval',
    'checkpoints are written as the log grows, without stopping writes, and when the node stops',
  ],
  ['ae', '--no-anti-entropy, or "antiEntropy": false in the nodes file, switches anti-entropy off'],
  ['ae_interval', 'timing.antiEntropyMs in the nodes file'],
  ['ae_max', 'what differs is fetched in batches, as fast as clients leave room for'],
]);

/** The command line in today's words; throws `UsageFailure` for a flag that is gone. */
export function translateGoFlags(commandLine: readonly string[]): string[] {
  const [first = ''] = commandLine;
  if (first !== 'serve' && goFlag(first) === undefined) return [...commandLine];
  const translated = commandLine.map(translateOne);
  return first === 'serve' ? translated : ['serve', ...translated];
}

function translateOne(argument: string): string {
  const flag = goFlag(argument);
  if (flag === undefined) return argument;
  const successor = successors.get(flag.name);
  if (successor !== undefined) throw new UsageFailure(`--${flag.name} is gone: ${successor}.`);
  return `${kept.get(flag.name) ?? ''}${flag.rest}`;
}

/** The Go flag in `--name`, `-name` or `--name=value`; undefined when it is none. */
function goFlag(argument: string): { readonly name: string; readonly rest: string } | undefined {
  const match = /^--?([a-z_]+)(=.*)?$/s.exec(argument);
  const name = match?.[1] ?? '';
  if (!kept.has(name) && !successors.has(name)) return undefined;
  return { name, rest: match?.[2] ?? '' };
}
