/**
 * The program `mini-dynamo`: runs the command that was asked for, and how that ends.
 *
 * Results go to standard output, everything else to standard error. Exit codes: 0 done, 1 failed,
 * 2 asked wrongly (`command-failure.ts`).
 */

import { CommanderError } from 'commander';

import { errorMessageOf, StoreError } from '../core/errors.ts';
import { CommandFailure, exitCodeOf, exitCodes, UsageFailure } from './command-failure.ts';
import { translateGoFlags } from './go-demo-flags.ts';
import { createProgram } from './program.ts';
import { remark } from './terminal.ts';
import { runtimeProblem } from './version.ts';

// `mini-dynamo get photo | head -c 10` closes the pipe early, which is no failure of ours.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? exitCodes.ok : exitCodes.failed);
});

process.exitCode = await run(process.argv.slice(2));

async function run(commandLine: readonly string[]): Promise<number> {
  try {
    const problem = runtimeProblem(process.versions.node);
    if (problem !== undefined) throw new CommandFailure(problem);
    await createProgram().parseAsync(translateGoFlags(commandLine), { from: 'user' });
    return exitCodes.ok;
  } catch (error) {
    // Commander has written its message by itself; help and version count as asked for.
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    remark(describe(error));
    return exitCodeOf(error);
  }
}

function describe(error: unknown): string {
  if (error instanceof CommandFailure || error instanceof UsageFailure || error instanceof StoreError) {
    return error.message;
  }
  // What nobody foresaw is shown whole, so that it can be reported.
  return error instanceof Error ? (error.stack ?? error.message) : errorMessageOf(error);
}
