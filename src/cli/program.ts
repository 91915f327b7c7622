/** All commands under one root, in the groups in which help shows them. */

import { Command } from 'commander';

import { compactCommand } from './compact.ts';
import { deleteCommand } from './delete.ts';
import { demoCommand } from './demo.ts';
import { downCommand } from './down.ts';
import { getCommand } from './get.ts';
import { healthCommand } from './health.ts';
import { killCommand } from './kill.ts';
import { logsCommand } from './logs.ts';
import { psCommand } from './ps.ts';
import { putCommand } from './put.ts';
import { repairCommand } from './repair.ts';
import { scrubCommand } from './scrub.ts';
import { serveCommand } from './serve.ts';
import { simulateCommand } from './simulate.ts';
import { smokeCommand } from './smoke.ts';
import { startCommand } from './start.ts';
import { statusCommand } from './status.ts';
import { upCommand } from './up.ts';
import { packageVersion } from './version.ts';
import { whyCommand } from './why.ts';

/** The root command; it throws `CommanderError` instead of ending the process. */
export function createProgram(): Command {
  const commands: readonly (readonly [heading: string, commands: readonly Command[]])[] = [
    [
      'A cluster on this machine:',
      [upCommand, downCommand, psCommand, logsCommand, killCommand, startCommand],
    ],
    ['Keys and values:', [putCommand, getCommand, deleteCommand]],
    ['Looking at it:', [healthCommand, statusCommand, whyCommand, smokeCommand, demoCommand]],
    ['Looking after it:', [repairCommand, scrubCommand, compactCommand]],
    ['One node:', [serveCommand]],
    ['The store under simulated failure:', [simulateCommand]],
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
