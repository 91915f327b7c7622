/** What a figure is worth depends on what it was measured on. */

import { execFileSync } from 'node:child_process';
import { fdatasyncSync, mkdtempSync, openSync, closeSync, rmSync, writeSync } from 'node:fs';
import { arch, availableParallelism, cpus, release, tmpdir, totalmem, type } from 'node:os';
import { join } from 'node:path';

import type { Results } from './results.ts';

const syncs = 200;
const pageBytes = 4_096;

/** This machine, and how long its disk takes to sync a page. */
export function describeMachine(): Results['machine'] {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    system: `${type()} ${release()} ${arch()}`,
    node: process.version,
    syncUs: measureSyncs(),
  };
}

/** The commit that is checked out, with a mark when files differ from it. */
export function describeCommit(): string {
  try {
    const options = { cwd: import.meta.dirname, encoding: 'utf8' } as const;
    const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], options).trim();
    const changed = execFileSync('git', ['status', '--porcelain', '--', '../../src'], options) !== '';
    return changed ? `${commit} and changes` : commit;
  } catch {
    return 'unknown';
  }
}

function measureSyncs(): Results['machine']['syncUs'] {
  const folder = mkdtempSync(join(tmpdir(), 'mini-dynamo-sync-'));
  const file = openSync(join(folder, 'file'), 'w');
  try {
    const page = Buffer.alloc(pageBytes, 'x');
    const times = Array.from({ length: syncs }, () => {
      const startedMs = performance.now();
      writeSync(file, page);
      fdatasyncSync(file);
      return (performance.now() - startedMs) * 1_000;
    }).toSorted((left, right) => left - right);
    const at = (share: number): number => Math.round(times[Math.floor(share * syncs)] ?? 0);
    return { p50: at(0.5), p99: at(0.99) };
  } finally {
    closeSync(file);
    rmSync(folder, { recursive: true, force: true });
  }
}
