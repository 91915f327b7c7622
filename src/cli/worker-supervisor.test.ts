import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { test } from 'node:test';

import { limits } from '../core/limits.ts';
import type { Observer } from '../ports/observer.ts';
import { ManualClock } from '../sim/manual-clock.ts';
import { restartPauseMs } from './restart-pause.ts';
import {
  WorkerSupervisor,
  type WorkerEnd,
  type WorkerEvents,
  type WorkerProcess,
} from './worker-supervisor.ts';

const clean: WorkerEnd = { code: 0, signal: null };
const killed: WorkerEnd = { code: null, signal: 'SIGKILL' };

/** A process that does what the test says. */
class ScriptedProcess implements WorkerProcess {
  readonly pid: number;
  readonly worker: number;
  readonly asked: string[] = [];
  readonly #events: WorkerEvents;

  constructor(pid: number, worker: number, events: WorkerEvents) {
    this.pid = pid;
    this.worker = worker;
    this.#events = events;
  }

  serve(): void {
    this.#events.onServing();
  }

  end(how: WorkerEnd): void {
    this.#events.onEnd(how);
  }

  stop(): void {
    this.asked.push('stop');
  }

  kill(): void {
    this.asked.push('kill');
  }
}

class Stage {
  readonly clock = new ManualClock();
  readonly launched: ScriptedProcess[] = [];
  readonly errors: string[] = [];
  readonly supervisor: WorkerSupervisor;

  constructor(workers: number) {
    const observer: Observer = {
      log: (level, _event, message) => void (level === 'error' && this.errors.push(message)),
      count() {},
    };
    this.supervisor = new WorkerSupervisor({
      workers,
      launch: (worker, events) => {
        const process = new ScriptedProcess(100 + this.launched.length, worker, events);
        this.launched.push(process);
        return process;
      },
      clock: this.clock,
      observer,
    });
  }

  process(index: number): ScriptedProcess {
    const process = this.launched[index];
    assert.ok(process !== undefined, `no process ${index} was started`);
    return process;
  }

  /** Two workers that serve. */
  static async serving(): Promise<Stage> {
    const stage = new Stage(2);
    const started = stage.supervisor.start();
    for (const process of stage.launched) process.serve();
    assert.deepEqual(await started, { kind: 'serving' });
    return stage;
  }
}

test('the workers serve once every one of them does', async () => {
  const stage = new Stage(3);
  let outcome: unknown;
  void stage.supervisor.start().then((started) => (outcome = started));
  stage.process(0).serve();
  stage.process(2).serve();
  await turn();
  assert.equal(outcome, undefined);
  stage.process(1).serve();
  await turn();
  assert.deepEqual(outcome, { kind: 'serving' });
  assert.deepEqual(stage.supervisor.pids, [100, 101, 102]);
});

test('a worker that does not come to serve takes the others with it', async () => {
  const stage = new Stage(3);
  const started = stage.supervisor.start();
  stage.process(0).serve();
  stage.process(1).end({ code: 2, signal: null });
  assert.deepEqual(stage.process(0).asked, ['stop']);
  assert.deepEqual(stage.process(2).asked, ['stop']);
  stage.process(0).end(clean);
  stage.process(2).end(clean);
  assert.deepEqual(await started, { kind: 'failed', worker: 2, end: { code: 2, signal: null } });
  stage.clock.advance(60_000);
  assert.equal(stage.launched.length, 3, 'nothing was started again');
});

test('a worker that ends is started again, whatever it ended with, and that is an error', async () => {
  const stage = await Stage.serving();
  stage.process(1).end(killed);
  assert.deepEqual(stage.supervisor.pids, [100]);
  stage.clock.advance(limits.workerRestartMsMin);
  assert.equal(stage.process(2).worker, 2);
  stage.process(2).serve();
  stage.process(2).end(clean);
  stage.clock.advance(2 * limits.workerRestartMsMin);
  assert.equal(stage.process(3).worker, 2);
  assert.deepEqual(stage.errors, [
    'worker 2 was ended by SIGKILL; it is started again in 100 ms',
    'worker 2 ended with exit code 0; it is started again in 200 ms',
  ]);
  assert.deepEqual(stage.process(0).asked, [], 'the other one is left alone');
});

test('pauses grow while a worker keeps ending, up to a limit, and start anew after a life that was long', async () => {
  const stage = await Stage.serving();
  stage.process(0).end(killed);
  let pauseMs: number = limits.workerRestartMsMin;
  for (let start = 2; start < 20; start++) {
    stage.clock.advance(pauseMs - 1);
    assert.equal(stage.launched.length, start, `too early after ${start}`);
    stage.clock.advance(1);
    stage.process(start).end({ code: 1, signal: null });
    pauseMs = Math.min(2 * pauseMs, limits.workerRestartMsMax);
  }
  assert.equal(pauseMs, limits.workerRestartMsMax);
  stage.clock.advance(pauseMs);
  stage.process(20).serve();
  stage.clock.advance(limits.workerStableMs);
  stage.process(20).end(killed);
  stage.clock.advance(limits.workerRestartMsMin);
  assert.equal(stage.launched.length, 22);
});

test('stop asks all, starts none again, and ends when all have ended', async () => {
  const stage = await Stage.serving();
  stage.process(1).end(killed);
  let ends: readonly WorkerEnd[] | undefined;
  void stage.supervisor.stop().then((all) => (ends = all));
  stage.clock.advance(60_000);
  assert.equal(stage.launched.length, 2, 'the one that waited to be started again is not');
  assert.deepEqual(stage.process(0).asked, ['stop']);
  await turn();
  assert.equal(ends, undefined);
  stage.supervisor.kill();
  assert.deepEqual(stage.process(0).asked, ['stop', 'kill']);
  stage.process(0).end(clean);
  await turn();
  assert.deepEqual(ends, [clean, killed]);
});

test('a stop before all workers serve ends them and says so', async () => {
  const stage = new Stage(2);
  const started = stage.supervisor.start();
  stage.process(0).serve();
  const stopped = stage.supervisor.stop();
  stage.process(0).end(clean);
  stage.process(1).end(clean);
  assert.deepEqual(await started, { kind: 'stopped' });
  assert.deepEqual(await stopped, [clean, clean]);
});

test('no pause is longer than the limit, however often a worker has failed', () => {
  assert.equal(restartPauseMs(0), limits.workerRestartMsMin);
  assert.equal(restartPauseMs(-1), limits.workerRestartMsMin);
  assert.equal(restartPauseMs(10_000), limits.workerRestartMsMax);
});
