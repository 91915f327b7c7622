/**
 * Puts every key of a range once, in their order, over many connections.
 *
 * Filling is no measurement: a server that has too much under way is asked again after a pause, as clients should.
 */

import { setTimeout as sleep } from 'node:timers/promises';

import { Connection } from './connection.ts';
import type { Answer } from './dialog.ts';
import type { FillReport, FillSpec } from './load-spec.ts';
import { drawSalt, Payload } from './payload.ts';

const retryPauseMs = 20;
const attemptsMax = 500;

/** Fails when the server cannot be reached; keys that it did not take are told in the report. */
export async function fill(spec: FillSpec): Promise<FillReport> {
  const payload = new Payload(spec.valueBytes);
  const problems = new Map<string, number>();
  const startedMs = performance.now();
  let next = spec.from;

  const writeShare = async (connection: Connection): Promise<void> => {
    while (next < spec.to) {
      const problem = await put(connection, next++);
      if (problem !== undefined) problems.set(problem, (problems.get(problem) ?? 0) + 1);
    }
  };
  const fillOver = async (connection: Connection): Promise<void> => {
    const problem = await connection.open();
    if (problem !== undefined) throw new Error(`cannot connect: ${problem}`);
    await Promise.all(Array.from({ length: spec.pipeline }, () => writeShare(connection)));
    connection.close();
  };
  const connections = Array.from({ length: spec.connections }, (_, index) => {
    const url = new URL(spec.urls[index % spec.urls.length] ?? '');
    return new Connection({ dialog: spec.dialog, url, payload });
  });
  await Promise.all(connections.map(fillOver));
  return { durationMs: performance.now() - startedMs, problems: Object.fromEntries(problems) };
}

/** Resolves to why the key was not taken, or to nothing. */
async function put(connection: Connection, key: number): Promise<string | undefined> {
  for (let attempt = 1; ; attempt++) {
    const { problem } = await new Promise<Answer>((resolve) =>
      connection.ask({ kind: 'write', key, salt: drawSalt() }, resolve),
    );
    if (problem === undefined || !isOverload(problem) || attempt === attemptsMax) return problem;
    await sleep(retryPauseMs);
  }
}

/** A server that says so has done nothing and may be asked again. */
export function isOverload(problem: string): boolean {
  return /BUSY|OVERLOADED/.test(problem);
}
