/**
 * `make test`: every check of the repository, one after the other, and one closing line for all of them.
 *
 * A check is an npm script, so that each can be run alone. All of them run even when one has failed:
 * a missing blank must not hide a broken test. A test stage that ran no test has failed. Names of
 * stages as arguments run only those: `npm test -- lint typecheck`.
 */

import { spawn } from 'node:child_process';
import { stripVTControlCharacters } from 'node:util';
import { isSupported, tooOldMessage } from '../bin/runtime.mjs';

const stages = ['fmtcheck', 'lint', 'typecheck', 'test:repo', 'test:unit', 'test:sim', 'test:e2e'];

if (!isSupported(process.versions.node)) {
  console.error(tooOldMessage(process.versions.node));
  process.exit(1);
}

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !stages.includes(name));
if (unknown.length > 0) {
  console.error(`no such check: ${unknown.join(', ')}; there are ${stages.join(', ')}`);
  process.exit(1);
}

/** @type {Awaited<ReturnType<typeof run>>[]} */
const results = [];
for (const stage of wanted.length > 0 ? wanted : stages) results.push(await run(stage));

console.log('');
for (const { stage, ok, seconds } of results) {
  console.log(`${ok ? '✔' : '✘'} ${stage.padEnd(10)} ${seconds.toFixed(1).padStart(6)} s`);
}
for (const line of results.flatMap(({ skips }) => skips)) console.log(`skipped: ${line}`);
/** @param {'passed' | 'failed' | 'skipped'} field */
const sum = (field) => results.reduce((total, result) => total + result[field], 0);
const skipped = sum('skipped');
console.log(`${sum('passed')} passed, ${sum('failed')} failed` + (skipped > 0 ? `, ${skipped} skipped` : ''));
process.exitCode = results.every(({ ok }) => ok) ? 0 : 1;

/**
 * Runs one stage, shows what it says as it says it, and counts its tests; a stage without tests counts as one.
 * @param {string} stage
 */
async function run(stage) {
  console.log(`\n── ${stage} ──`);
  const startedMs = performance.now();
  const child = spawn('npm', ['run', '--silent', stage], {
    stdio: ['ignore', 'pipe', 'inherit'],
    shell: process.platform === 'win32',
    env: process.stdout.isTTY ? { ...process.env, FORCE_COLOR: '1' } : process.env,
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (/** @type {string} */ text) => {
    output += text;
    process.stdout.write(text);
  });
  const code = await new Promise((resolve, reject) => child.on('close', resolve).on('error', reject));
  const seconds = (performance.now() - startedMs) / 1000;
  return { stage, seconds, ...judge(output, code === 0) };
}

/**
 * Reads the summary of node's test runner (`ℹ pass 12`), where the stage printed one.
 * @param {string} output
 * @param {boolean} exitedWell
 */
function judge(output, exitedWell) {
  const text = stripVTControlCharacters(output);
  /** @param {string} name */
  const count = (name) => Number(new RegExp(`^[ℹ#] ${name} (\\d+)$`, 'm').exec(text)?.[1] ?? NaN);
  const tests = count('tests');
  if (Number.isNaN(tests)) {
    return { ok: exitedWell, passed: exitedWell ? 1 : 0, failed: exitedWell ? 0 : 1, skipped: 0, skips: [] };
  }
  if (tests === 0) console.log('this stage ran no test, which counts as a failure');
  const failed = count('fail') + count('cancelled');
  const ok = exitedWell && failed === 0 && tests > 0;
  const skips = new Set(Array.from(text.matchAll(/^\s*﹣ (.+)$/gm), ([, line]) => line));
  return {
    ok,
    passed: count('pass'),
    failed: ok ? 0 : Math.max(failed, 1),
    skipped: count('skipped'),
    skips: [...skips],
  };
}
