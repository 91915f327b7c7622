/**
 * One simulated run: a seed, virtual time, and a flow that lives in it.
 *
 * The flow is ordinary async code; the run is one synchronous call that turns the scheduler until the flow
 * has settled. A queue that is empty before that is a deadlock and ends the run with an error.
 * Call it from a macrotask (`inMacrotask`).
 */

import { errorMessageOf, StoreError } from '../core/errors.ts';
import { withAlarm } from './alarm.ts';
import { provenDrain, watchingRejections } from './drain.ts';
import type { Narrator } from './narrator.ts';
import { Scheduler } from './scheduler.ts';
import { SimRandom } from './sim-random.ts';
import { Sometimes } from './sometimes.ts';
import { TraceHash } from './trace-hash.ts';
import type { TraceLog } from './trace-log.ts';

export interface World {
  readonly seed: number;
  readonly scheduler: Scheduler;
  /** Fork it: one stream per concern. */
  readonly random: SimRandom;
  readonly sometimes: Sometimes;
  /** Hears what happens to one key, when somebody asked for its story. */
  readonly narrator: Narrator | undefined;
  /** Hears everything, when somebody asked for a trace. */
  readonly traceLog: TraceLog | undefined;
  /** Resolves after so much virtual time. */
  sleep(micros: number): Promise<void>;
}

export interface SimulationResult<Result> {
  readonly result: Result;
  readonly traceHash: string;
  readonly virtualMicros: number;
  readonly events: number;
}

/** More virtual time than any scenario needs. */
const virtualMicrosMax = 3_600 * 1_000_000;

/** Runs `body` under virtual time. Throws what it throws, and for rejections that nobody handled. */
export function simulate<Result>(
  options: {
    readonly seed: number;
    readonly narrator?: Narrator | undefined;
    readonly traceLog?: TraceLog | undefined;
    readonly sometimes?: Sometimes;
  },
  body: (world: World) => Promise<Result>,
): SimulationResult<Result> {
  const drain = provenDrain();
  const random = new SimRandom(options.seed);
  const trace = new TraceHash();
  const scheduler = new Scheduler({ ties: random.fork('ties'), drain, trace });
  const world: World = {
    seed: options.seed,
    scheduler,
    random,
    sometimes: options.sometimes ?? new Sometimes(),
    narrator: options.narrator,
    traceLog: options.traceLog,
    sleep: (micros) => new Promise((resolve) => scheduler.after(micros, resolve)),
  };
  options.narrator?.begin(scheduler);
  options.traceLog?.begin(scheduler);
  const unhandled: unknown[] = [];
  // Holds one entry once the flow has settled.
  const settled: (
    { readonly ok: true; readonly result: Result } | { readonly ok: false; readonly error: unknown }
  )[] = [];
  withAlarm(() =>
    watchingRejections(
      (reason) => unhandled.push(reason),
      () => {
        body(world).then(
          (result) => settled.push({ ok: true, result }),
          (error: unknown) => settled.push({ ok: false, error }),
        );
        const until = (): boolean => settled.length > 0 || unhandled.length > 0;
        const end = scheduler.run({ until, deadlineMicros: virtualMicrosMax });
        if (end !== 'done') {
          throw new StoreError('INTERNAL', `the simulation is stuck at ${scheduler.nowMicros} µs: ${end}`);
        }
      },
    ),
  );
  if (unhandled.length > 0) {
    const message = `a rejection was not handled by anyone: ${errorMessageOf(unhandled[0])}`;
    throw new StoreError('INTERNAL', message, { cause: unhandled[0] });
  }
  const outcome = settled[0];
  if (outcome === undefined) throw new StoreError('INTERNAL', 'the flow ended without a result');
  if (!outcome.ok) throw outcome.error;
  return {
    result: outcome.result,
    traceHash: trace.toString(),
    virtualMicros: scheduler.nowMicros,
    events: scheduler.events,
  };
}
