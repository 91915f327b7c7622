#!/usr/bin/env node
/**
 * The command `mini-dynamo`, in plain JavaScript: on a Node that is too old it runs itself again under
 * the pinned runtime, or says what to do; on a good one it loads the real program.
 *
 * In a checkout that is the TypeScript source, in the published package what was compiled from it.
 */

import { spawn } from 'child_process';
import { existsSync } from 'fs';
import os from 'os';
import { fileURLToPath } from 'url';
import { isSupported, pinnedRuntime, tooOldMessage } from './runtime.mjs';

if (isSupported(process.versions.node)) {
  const source = new URL('../src/cli/main.ts', import.meta.url);
  import(String(existsSync(source) ? source : new URL('../dist/cli/main.js', import.meta.url))).catch(fail);
} else {
  const executable = pinnedRuntime();
  if (executable === undefined) {
    console.error(tooOldMessage(process.versions.node));
    process.exitCode = 1;
  } else {
    runUnder(executable);
  }
}

/**
 * Hands the terminal, the signals and the exit status through, as if the other runtime had been called.
 * @param {string} executable
 */
function runUnder(executable) {
  const script = fileURLToPath(import.meta.url);
  const child = spawn(executable, [script].concat(process.argv.slice(2)), { stdio: 'inherit' });
  // A terminal sends its signals to both processes; the program must not see them twice.
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  process.on('SIGINT', () => process.stdin.isTTY || child.kill('SIGINT'));
  process.on('SIGHUP', () => process.stdin.isTTY || child.kill('SIGHUP'));
  child.on('error', fail);
  child.on('exit', (code, signal) => {
    process.exit(signal === null ? code : 128 + os.constants.signals[signal]);
  });
}

/** @param {unknown} error */
function fail(error) {
  console.error(error);
  process.exit(1);
}
