/** `simulate --trace`: writes all that happens in one seed as JSON lines (docs/simulation.md). */

import { closeSync, openSync, writeSync } from 'node:fs';

import { errorMessageOf } from '../core/errors.ts';
import { inMacrotask } from '../sim/drain.ts';
import { judgeSeed } from '../sim/seed-verdict.ts';
import type { SwarmPlan } from '../sim/swarm-plan.ts';
import { TraceLog } from '../sim/trace-log.ts';
import { CommandFailure } from './command-failure.ts';

/** Lines are written in pieces of about this length. */
const pieceLength = 1 << 16;

/** Runs the seed and writes its trace; the number of lines. The file is written inside the run, synchronously. */
export async function writeTrace(path: string, seed: number, plan: SwarmPlan | undefined): Promise<number> {
  let file: number;
  try {
    file = openSync(path, 'w');
  } catch (error) {
    throw new CommandFailure(`${path} cannot be written: ${errorMessageOf(error)}`, { cause: error });
  }
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
