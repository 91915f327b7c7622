/**
 * The thread that judges seeds for `simulate`: one task after the other, one report for each seed.
 *
 * A run is one synchronous call, so a thread of its own is what uses a further core, and what can be ended
 * from outside when a run does not end by itself.
 */

import { parentPort } from 'node:worker_threads';

import { inMacrotask } from '../sim/drain.ts';
import { judgeSeed } from '../sim/seed-verdict.ts';
import type { SeedMessage, SeedTask } from './seed-runner.ts';

const port = parentPort;
if (port === null) throw new Error('seed-worker.ts runs in a thread of `mini-dynamo simulate` only');
port.on('message', (task: SeedTask) => void judgeAll(task, (message) => port.postMessage(message)));

async function judgeAll(task: SeedTask, post: (message: SeedMessage) => void): Promise<void> {
  const { plan } = task;
  for (let seed = task.from; seed < task.from + task.count; seed++) {
    const { sometimes, ...verdict } = await inMacrotask(() => judgeSeed(seed, { plan }));
    const isTwice = task.twiceOneIn > 0 && seed % task.twiceOneIn === 0 && verdict.broken.length === 0;
    const second = isTwice ? await inMacrotask(() => judgeSeed(seed, { plan })) : undefined;
    post({
      kind: 'judged',
      report: { ...verdict, counts: sometimes.entries(), secondTraceHash: second?.traceHash },
    });
  }
  post({ kind: 'done' });
}
