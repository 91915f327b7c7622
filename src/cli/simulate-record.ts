/** `simulate --trace` and `--history`: what happened in one seed, as files for other programs (docs/simulation.md). */

import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs';

import { errorMessageOf } from '../core/errors.ts';
import { inMacrotask } from '../sim/drain.ts';
import { History } from '../sim/history.ts';
import { historyJson } from '../sim/linearizability/history-json.ts';
import { judgeSeed } from '../sim/seed-verdict.ts';
import type { SwarmPlan } from '../sim/swarm-plan.ts';
import { TraceLog } from '../sim/trace-log.ts';
import { CommandFailure } from './command-failure.ts';

/** Lines of a trace are written in pieces of about this length. */
const pieceLength = 1 << 16;

export interface RecordedSeed {
  readonly seed: number;
  readonly plan: SwarmPlan | undefined;
}

/** Runs the seed and writes all that happens; the number of lines. The file is written inside the run, synchronously. */
export async function writeTrace(path: string, { seed, plan }: RecordedSeed): Promise<number> {
  const file = openForWriting(path);
  try {
    let lines = 0;
    let piece = '';
    const traceLog = new TraceLog((line) => {
      lines += 1;
      piece += `${line}\n`;
      if (piece.length < pieceLength) return;
      writeSync(file, piece);
      piece = '';
    });
    await inMacrotask(() => judgeSeed(seed, { plan, traceLog }));
    writeSync(file, piece);
    return lines;
  } finally {
    closeSync(file);
  }
}

/** Runs the seed and writes what its clients did and were told; the number of operations. */
export async function writeHistory(path: string, { seed, plan }: RecordedSeed): Promise<number> {
  const file = openForWriting(path);
  try {
    const history = new History();
    await inMacrotask(() => judgeSeed(seed, { plan, history }));
    writeFileSync(file, historyJson(history.operations));
    return history.operations.length;
  } finally {
    closeSync(file);
  }
}

function openForWriting(path: string): number {
  try {
    return openSync(path, 'w');
  } catch (error) {
    throw new CommandFailure(`${path} cannot be written: ${errorMessageOf(error)}`, { cause: error });
  }
}
