/**
 * CPU time of other processes, from `/proc/<pid>/stat`: all their threads, user and system together.
 *
 * Linux only. Elsewhere, or when a process is gone, the answer is undefined and the report leaves it out.
 */

import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

let ticksInSecond: number | undefined;

/** In what `/proc` counts time. Throws where there is no such thing. */
export function ticksPerSecond(): number {
  ticksInSecond ??= Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
  return ticksInSecond;
}

/** CPU seconds that the processes have used since they started; undefined when that cannot be told. */
export function cpuSecondsOf(pids: readonly number[]): number | undefined {
  if (pids.length === 0) return undefined;
  try {
    let ticks = 0;
    for (const pid of pids) ticks += ticksOf(readFileSync(`/proc/${pid}/stat`, 'utf8'));
    return ticks / ticksPerSecond();
  } catch {
    return undefined;
  }
}

/** The pids of the nodes of a local cluster and their workers, from the pid files in their data directories. */
export function clusterPids(dataRoot: string): readonly number[] {
  const pids: number[] = [];
  const folders = readdirSync(dataRoot, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  for (const { name } of folders) {
    const folder = join(dataRoot, name);
    if (readdirSync(folder).some((inside) => inside.startsWith('worker-'))) pids.push(...clusterPids(folder));
    for (const file of readdirSync(folder).filter((name) => name.endsWith('.pid'))) {
      // Either a bare number or JSON with a field `pid`.
      const pid = /^\s*(\d+)\s*$|"pid":\s*(\d+)/.exec(readFileSync(join(folder, file), 'utf8'));
      if (pid !== null) pids.push(Number(pid[1] ?? pid[2]));
    }
  }
  return pids;
}

/** Fields 14 and 15, counted behind the name, which may itself hold spaces and brackets. */
export function ticksOf(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(fields[11]) + Number(fields[12]);
}
