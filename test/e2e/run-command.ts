/** Runs `mini-dynamo` as a person would: a process of its own, its output and its exit code. */

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

export const repositoryRoot = join(import.meta.dirname, '..', '..');
export const mainPath = join(repositoryRoot, 'src', 'cli', 'main.ts');

/** A command that hangs is ended and fails its test; the demo, the longest, takes half a minute. */
const commandBoundMs = 180_000;

export interface CommandResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunningCommand {
  readonly child: ChildProcess;
  readonly result: Promise<CommandResult>;
}

/** Starts a command and hands back its process. */
export function startCommand(
  commandArguments: readonly string[],
  options: {
    readonly cwd?: string;
    readonly input?: Uint8Array | string;
    /** Options of Node itself. */
    readonly nodeOptions?: readonly string[];
  } = {},
): RunningCommand {
  const child = spawn(process.execPath, [...(options.nodeOptions ?? []), mainPath, ...commandArguments], {
    cwd: options.cwd ?? repositoryRoot,
    stdio: 'pipe',
  });
  const bound = setTimeout(() => child.kill('SIGKILL'), commandBoundMs);
  child.once('close', () => clearTimeout(bound));
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.input ?? '');
  const closed = once(child, 'close');
  const result = Promise.all([text(child.stdout), text(child.stderr), closed]).then(([stdout, stderr]) => ({
    code: child.exitCode,
    signal: child.signalCode,
    stdout,
    stderr,
  }));
  return { child, result };
}

/** Runs a command to its end. */
export function runCommand(
  commandArguments: readonly string[],
  options: { readonly cwd?: string; readonly input?: Uint8Array | string } = {},
): Promise<CommandResult> {
  return startCommand(commandArguments, options).result;
}
