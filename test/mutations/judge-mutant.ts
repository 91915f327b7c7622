/**
 * Runs the tests that are named beside a mutation and says which of them caught it.
 *
 * Each run is a process group of its own with a deadline and a bounded heap: a mutant may loop or fill the
 * memory for ever. A run that has to be killed counts as caught, since it would hang `make test` as well.
 */

import { spawn } from 'node:child_process';
import { constants, setPriority } from 'node:os';
import { stripVTControlCharacters } from 'node:util';
import type { Mutation } from './mutation.ts';

const deadlineMs = 60_000;
const heapMiB = 1_024;

export type Judgement =
  | { readonly kind: 'caught'; readonly by: string }
  | { readonly kind: 'survived' }
  /** It doesn't even load, which proves nothing. */
  | { readonly kind: 'broken'; readonly output: string };

interface RunResult {
  /** Undefined when it had to be killed. */
  readonly exitCode: number | undefined;
  readonly output: string;
}

export async function judgeMutant(root: string, mutation: Mutation): Promise<Judgement> {
  const { tests = [], seeds } = mutation;
  const loading = await run(root, ['--input-type=module', '--eval', `await import('./${mutation.file}')`]);
  if (loading.exitCode !== 0) return { kind: 'broken', output: loading.output };
  for (const file of tests) {
    const { exitCode, output } = await run(root, ['--test', '--test-reporter=tap', file]);
    if (exitCode === undefined) return { kind: 'caught', by: `\`${file}\` (does not end)` };
    if (exitCode !== 0) return { kind: 'caught', by: `\`${file}\`: ${firstFailure(output)}` };
  }
  if (seeds !== undefined) {
    const { exitCode, output } = await run(root, seedArguments(seeds));
    if (exitCode !== 0) return { kind: 'caught', by: exitCode === undefined ? 'a seed' : brokenSeed(output) };
  }
  return { kind: 'survived' };
}

/** What fails although nothing was taken out; empty when all is well. */
export async function judgeUnchanged(root: string, mutations: readonly Mutation[]): Promise<string> {
  const files = new Set(mutations.flatMap((mutation) => mutation.tests ?? []));
  const commands = [...files].map((file) => ['--test', '--test-reporter=tap', file]);
  const ranges = mutations.flatMap((mutation) => mutation.seeds ?? []);
  const widest = ranges.sort((one, other) => other.count - one.count)[0];
  if (widest !== undefined) commands.push(seedArguments(widest));
  for (const command of commands) {
    const { exitCode, output } = await run(root, command);
    if (exitCode !== 0) return `${command.join(' ')}\n${output}`;
  }
  return '';
}

function seedArguments({ from, count }: { readonly from: number; readonly count: number }): string[] {
  const range = ['--seed', String(from), '--seeds', String(count)];
  return ['src/cli/main.ts', 'simulate', '--jobs', '1', ...range];
}

function run(root: string, args: readonly string[]): Promise<RunResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [`--max-old-space-size=${heapMiB}`, ...args], {
      cwd: root,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const { pid } = child;
    if (pid !== undefined) setPriority(pid, constants.priority.PRIORITY_LOW);
    let output = '';
    let isKilled = false;
    const gather = (text: string): void => {
      output = (output + text).slice(-200_000);
    };
    child.stdout.setEncoding('utf8').on('data', gather);
    child.stderr.setEncoding('utf8').on('data', gather);
    // The whole group: the test runner has a process for each file.
    const killGroup = (): void => {
      if (pid === undefined) return;
      try {
        process.kill(-pid, 'SIGKILL');
      } catch (error) {
        // It may have ended in this very moment.
        if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
      }
    };
    const timer = setTimeout(() => {
      isKilled = true;
      killGroup();
    }, deadlineMs);
    const onInterrupt = (): never => {
      killGroup();
      process.exit(130);
    };
    process.once('SIGINT', onInterrupt);
    child.on('error', reject);
    child.on('close', (code) => {
      clearTimeout(timer);
      process.off('SIGINT', onInterrupt);
      resolve({ exitCode: isKilled ? undefined : (code ?? 1), output });
    });
  });
}

/** The title of the first test that failed; the tests of a suite come before the suite. */
function firstFailure(output: string): string {
  const titles = Array.from(
    stripVTControlCharacters(output).matchAll(/^\s*not ok \d+ - (.+)$/gm),
    ([, title = '']) => title,
  );
  return titles.find((title) => !title.endsWith('.test.ts')) ?? 'the file as a whole';
}

/** The seed that broke a promise, and which. */
function brokenSeed(output: string): string {
  const [, seed = '?', promise = 'a promise'] =
    /seed (\d+) breaks ([\w-]+)/.exec(stripVTControlCharacters(output)) ?? [];
  return `seed ${seed}: ${promise}`;
}
