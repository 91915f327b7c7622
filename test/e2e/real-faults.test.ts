/**
 * Real nodes under real faults, each test in a network of its own: `real-faults.ts` plays, the simulator's checkers
 * judge what clients were told. Where the machine forbids such a network, the tests say so and are skipped.
 */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { suite, test, type TestContext } from 'node:test';

import { skippedExitCode } from './faults/own-network.ts';
import { stories } from './faults/stories.ts';

const programPath = join(import.meta.dirname, 'real-faults.ts');
/** A story takes some five seconds; one that hangs is ended. */
const boundMs = 90_000;
const mixSeconds = 12;
const seed = Math.floor(Math.random() * 2 ** 32);

// Two at a time: they share nothing but the processors, and mostly wait for silence to be noticed.
suite('real faults', { concurrency: 2 }, () => {
  test(`no promise is broken by ${mixSeconds} s of faults drawn from seed ${seed}`, async (context) => {
    await play(context, ['--seed', String(seed), '--seconds', String(mixSeconds)]);
  });
  for (const { name, title } of stories) {
    test(title, async (context) => {
      await play(context, ['--story', name]);
    });
  }
});

async function play(context: TestContext, options: readonly string[]): Promise<void> {
  const child = spawn(process.execPath, [programPath, ...options], { stdio: ['ignore', 'pipe', 'pipe'] });
  // SIGTERM, so that the program takes its world with it.
  const bound = setTimeout(() => child.kill('SIGTERM'), boundMs);
  const closed = once(child, 'close');
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), closed]);
  clearTimeout(bound);
  if (child.exitCode === skippedExitCode) {
    context.skip(stdout.trim());
    return;
  }
  assert.equal(child.exitCode, 0, `node test/e2e/real-faults.ts ${options.join(' ')}\n${stdout}${stderr}`);
  context.diagnostic(stdout.trim().split('\n').at(-1) ?? '');
}
