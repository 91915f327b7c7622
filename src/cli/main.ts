/**
 * The program `mini-dynamo`: its commands, and how each of them ends.
 *
 * Results go to standard output, everything else to standard error. Exit codes: 0 done, 1 failed,
 * 2 asked wrongly (`command-failure.ts`).
 */

import { Command, CommanderError } from 'commander';

import { errorMessageOf, StoreError } from '../core/errors.ts';
import { CommandFailure, exitCodeOf, exitCodes, UsageFailure } from './command-failure.ts';
import { deleteCommand } from './delete.ts';
import { demoCommand } from './demo.ts';
import { downCommand } from './down.ts';
import { getCommand } from './get.ts';
import { translateGoFlags } from './go-demo-flags.ts';
import { healthCommand } from './health.ts';
import { killCommand } from './kill.ts';
import { logsCommand } from './logs.ts';
import { psCommand } from './ps.ts';
import { putCommand } from './put.ts';
import { serveCommand } from './serve.ts';
import { smokeCommand } from './smoke.ts';
import { startCommand } from './start.ts';
import { statusCommand } from './status.ts';
import { remark } from './terminal.ts';
import { upCommand } from './up.ts';
import { packageVersion } from './version.ts';

// `mini-dynamo get photo | head -c 10` closes the pipe early, which is no failure of ours.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? exitCodes.ok : exitCodes.failed);
});

process.exitCode = await run(process.argv.slice(2));

async function run(commandLine: readonly string[]): Promise<number> {
  try {
    await program().parseAsync(translateGoFlags(commandLine), { from: 'user' });
    return exitCodes.ok;
  } catch (error) {
    // Commander has written its message by itself; help and version count as asked for.
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    remark(describe(error));
    return exitCodeOf(error);
  }
}

function program(): Command {
  const commands: readonly (readonly [heading: string, commands: readonly Command[]])[] = [
    [
      'A cluster on this machine:',
      [upCommand, downCommand, psCommand, logsCommand, killCommand, startCommand],
    ],
    ['Keys and values:', [putCommand, getCommand, deleteCommand]],
    ['Looking at it:', [healthCommand, statusCommand, smokeCommand, demoCommand]],
    ['One node:', [serveCommand]],
  ];
  const root = new Command('mini-dynamo')
    .description('A leaderless, always-writable, replicated key-value store.')
    .version(packageVersion(), '-v, --version')
    .configureHelp({ showGlobalOptions: false })
    .showHelpAfterError('(--help shows what is allowed)')
    .helpCommand('help [command]', 'show what a command does, its options and examples')
    .addHelpText(
      'after',
      '\nExit codes: 0 done, 1 failed, 2 asked wrongly (arguments or configuration).\n' +
        '\nFirst steps:\n  $ mini-dynamo up\n  $ mini-dynamo put greeting hello\n  $ mini-dynamo get greeting',
    );
  for (const [heading, group] of commands) {
    for (const command of group) root.addCommand(command.helpGroup(heading));
  }
  for (const command of [root, ...root.commands]) throwInsteadOfExit(command);
  return root;
}

function throwInsteadOfExit(command: Command): void {
  command.exitOverride().showHelpAfterError('(--help shows what is allowed)');
}

function describe(error: unknown): string {
  if (error instanceof CommandFailure || error instanceof UsageFailure || error instanceof StoreError) {
    return error.message;
  }
  // What nobody foresaw is shown whole, so that it can be reported.
  return error instanceof Error ? (error.stack ?? error.message) : errorMessageOf(error);
}
