/**
 * Runs a load against a server, closed or open.
 *
 * In a closed loop every connection has so many operations under way, the next one when one is answered. When the
 * server stalls, fewer are begun, so percentiles flatter it (Tene's "coordinated omission"): they are not shown
 * as what users see.
 *
 * In an open loop operations begin at times drawn beforehand (exponential gaps, as independent users make), whatever the
 * server does, and latency counts from when an operation was *meant* to begin. One that finds all connections busy waits,
 * and its waiting counts. The loop naps for a tenth of a millisecond at most where nothing is due, since timers are good to
 * a millisecond only; how late the generator itself was is recorded beside.
 */

import { LogHistogram } from '../log-histogram.ts';
import { Connection } from './connection.ts';
import type { LoadReport, LoadSpec } from './load-spec.ts';
import { countsOf, OperationFlow } from './operation-flow.ts';
import { Payload } from './payload.ts';

const napMs = 0.1;
/** Operations that were begun in time have so long to be answered once the run is over. */
const drainMsDefault = 10_000;

type Driver = (flow: OperationFlow, connections: readonly Connection[]) => Promise<Paced>;

interface Paced {
  readonly startedMs: number;
  readonly latenessUs: LogHistogram | undefined;
  readonly backlogMax: number;
  /** Operations that were begun, or meant to be, and had no answer when time was up. */
  readonly unanswered: number;
}

export async function runLoad(spec: LoadSpec): Promise<LoadReport> {
  const payload = new Payload(spec.valueBytes);
  const connections = Array.from({ length: spec.connections }, (_, index) => {
    const url = new URL(spec.urls[index % spec.urls.length] ?? '');
    return new Connection({ dialog: spec.dialog, url, payload });
  });
  const flow = new OperationFlow(spec);
  const driver: Driver = spec.pace.kind === 'closed' ? closedLoop(spec) : openLoop(spec, spec.pace.perSecond);
  const cpuBefore = process.cpuUsage();
  try {
    const problems = await Promise.all(connections.map((connection) => connection.open()));
    const problem = problems.find((text) => text !== undefined);
    if (problem !== undefined) throw new Error(`cannot connect: ${problem}`);
    const { startedMs, latenessUs, backlogMax, unanswered } = await driver(flow, connections);
    const { lastEndMs, ...counted } = flow.report();
    const problemCounts = unanswered === 0 ? counted.problems : { ...counted.problems, unanswered };
    const cpu = process.cpuUsage(cpuBefore);
    return {
      ...counted,
      problems: problemCounts,
      durationMs: Math.max(1, lastEndMs - startedMs),
      ...bytesOf(connections),
      cpuSeconds: (cpu.user + cpu.system) / 1e6,
      latenessUs: latenessUs === undefined ? null : countsOf(latenessUs),
      backlogMax,
    };
  } finally {
    for (const connection of connections) connection.close();
  }
}

function closedLoop(spec: LoadSpec): Driver {
  return async (flow, connections) => {
    const countFromMs = performance.now() + spec.warmUpMs;
    const endMs = countFromMs + spec.durationMs;
    const slots = connections.length * spec.pipeline;
    let isCounting = false;
    await Promise.all(
      connections.flatMap((connection) =>
        Array.from(
          { length: spec.pipeline },
          () =>
            new Promise<void>((resolve) => {
              const next = (): void => {
                const nowMs = performance.now();
                if (nowMs >= endMs) {
                  // Where operations take longer than the run, all that were begun count.
                  if (flow.operations >= slots) flow.stopCounting();
                  resolve();
                  return;
                }
                if (!isCounting && nowMs >= countFromMs) {
                  isCounting = true;
                  flow.startCounting();
                }
                flow.run(connection, nowMs, next);
              };
              next();
            }),
        ),
      ),
    );
    return { startedMs: countFromMs, latenessUs: undefined, backlogMax: 0, unanswered: 0 };
  };
}

function openLoop(spec: LoadSpec, perSecond: number): Driver {
  return (flow, connections) =>
    new Promise((resolve) => {
      const sleepCell = new Int32Array(new SharedArrayBuffer(4));
      const latenessUs = new LogHistogram();
      const free = connections.flatMap((connection) =>
        Array.from({ length: spec.pipeline }, () => connection),
      );
      const slots = free.length;
      const waiting = new MeantTimes();
      const startMs = performance.now();
      const countFromMs = startMs + spec.warmUpMs;
      const endMs = countFromMs + spec.durationMs;
      const drainedMs = endMs + (spec.drainMs ?? drainMsDefault);
      let dueMs = startMs;
      let isCounting = false;
      let backlogMax = 0;

      const send = (meantMs: number, connection: Connection): void => {
        flow.run(connection, meantMs, () => {
          const next = waiting.take();
          if (next === undefined) free.push(connection);
          else send(next, connection);
        });
      };
      const turn = (): void => {
        const nowMs = performance.now();
        if (!isCounting && nowMs >= countFromMs) {
          isCounting = true;
          flow.startCounting();
        }
        while (dueMs <= nowMs && dueMs < endMs) {
          if (isCounting) latenessUs.record((nowMs - dueMs) * 1_000);
          const connection = free.pop();
          if (connection === undefined) waiting.add(dueMs);
          else send(dueMs, connection);
          dueMs += (-Math.log(1 - Math.random()) * 1_000) / perSecond;
        }
        backlogMax = Math.max(backlogMax, waiting.count);
        const isDrained = dueMs >= endMs && free.length === slots;
        if (isDrained || nowMs > drainedMs) {
          flow.stopCounting();
          const unanswered = slots - free.length + waiting.count;
          resolve({ startedMs: countFromMs, latenessUs, backlogMax, unanswered });
          return;
        }
        const waitMs = Math.min(napMs, dueMs - performance.now());
        if (waitMs > 0) Atomics.wait(sleepCell, 0, 0, waitMs);
        setImmediate(turn);
      };
      turn();
    });
}

/** Times at which operations were meant to begin that wait for a connection: first in, first out. */
class MeantTimes {
  #times: number[] = [];
  #first = 0;

  get count(): number {
    return this.#times.length - this.#first;
  }

  add(timeMs: number): void {
    this.#times.push(timeMs);
  }

  take(): number | undefined {
    const time = this.#times[this.#first];
    if (time === undefined) return undefined;
    this.#first += 1;
    if (this.#first === this.#times.length) {
      this.#times = [];
      this.#first = 0;
    }
    return time;
  }
}

function bytesOf(connections: readonly Connection[]): Pick<LoadReport, 'sentBytes' | 'receivedBytes'> {
  let sentBytes = 0;
  let receivedBytes = 0;
  for (const { bytes } of connections) {
    sentBytes += bytes.sent;
    receivedBytes += bytes.received;
  }
  return { sentBytes, receivedBytes };
}
