/**
 * One operation from its first step to its last answer, and the books about all of them.
 *
 * What happens during the warm-up is done like the rest and counted nowhere. An operation counts when it ends.
 */

import { LogHistogram } from '../log-histogram.ts';
import type { Connection } from './connection.ts';
import type { Answer, Step } from './dialog.ts';
import { KeyChooser } from './key-chooser.ts';
import type { LatencyCounts, LoadReport, LoadSpec } from './load-spec.ts';
import { kindOf, scanLengthMax, type OperationKind } from './mix.ts';
import { drawSalt } from './payload.ts';

type CountedField =
  'operations' | 'allOperations' | 'latencies' | 'problems' | 'conflicts' | 'scannedEntries';

export interface CountedOperations extends Pick<LoadReport, CountedField> {
  readonly lastEndMs: number;
}

export class OperationFlow {
  readonly #spec: LoadSpec;
  readonly #keys: KeyChooser;
  readonly #latencies = new Map<OperationKind, LogHistogram>();
  readonly #problems = new Map<string, number>();
  #isCounting = false;
  #operations = 0;
  #allOperations = 0;
  #conflicts = 0;
  #scannedEntries = 0;
  #lastEndMs = 0;

  constructor(spec: LoadSpec) {
    this.#spec = spec;
    const { keys, firstInserted, mix } = spec;
    this.#keys = new KeyChooser({ keys, firstInserted, distribution: mix.distribution });
  }

  /** Operations that counted so far. */
  get operations(): number {
    return this.#operations;
  }

  /** From now on operations count. */
  startCounting(): void {
    this.#isCounting = true;
  }

  stopCounting(): void {
    this.#isCounting = false;
  }

  /** Draws an operation and runs it; its latency counts from `startMs`. `onEnd` is called once. */
  run(connection: Connection, startMs: number, onEnd: () => void): void {
    const kind = kindOf(this.#spec.mix, Math.random());
    const isInsert = kind === 'insert';
    const key = isInsert ? this.#keys.insert() : this.#keys.choose(Math.random());
    connection.ask(firstStepOf(kind, key), (answer) => {
      if (kind === 'modify' && answer.problem === undefined) {
        const step: Step = { kind: 'write-back', key, salt: drawSalt(), version: answer.version };
        connection.ask(step, (written) => this.#end(kind, startMs, written, onEnd));
        return;
      }
      if (isInsert && answer.problem === undefined) this.#keys.inserted(key);
      this.#end(kind, startMs, answer, onEnd);
    });
  }

  /** What was counted; the caller adds what it knows. */
  report(): CountedOperations {
    const latencies: Partial<Record<OperationKind, LatencyCounts>> = {};
    for (const [kind, histogram] of this.#latencies) latencies[kind] = countsOf(histogram);
    return {
      operations: this.#operations,
      allOperations: this.#allOperations,
      latencies,
      problems: Object.fromEntries(this.#problems),
      conflicts: this.#conflicts,
      scannedEntries: this.#scannedEntries,
      lastEndMs: this.#lastEndMs,
    };
  }

  #end(kind: OperationKind, startMs: number, answer: Answer, onEnd: () => void): void {
    this.#allOperations += 1;
    if (this.#isCounting) this.#count(kind, startMs, answer);
    onEnd();
  }

  #count(kind: OperationKind, startMs: number, answer: Answer): void {
    const nowMs = performance.now();
    this.#lastEndMs = nowMs;
    if (answer.problem !== undefined) {
      this.#problems.set(answer.problem, (this.#problems.get(answer.problem) ?? 0) + 1);
      return;
    }
    let histogram = this.#latencies.get(kind);
    if (histogram === undefined) this.#latencies.set(kind, (histogram = new LogHistogram()));
    histogram.record((nowMs - startMs) * 1_000);
    this.#operations += 1;
    if (answer.isConflict === true) this.#conflicts += 1;
    this.#scannedEntries += answer.entries ?? 0;
  }
}

/** The counts of a histogram, as they travel between processes. */
export function countsOf(histogram: LogHistogram): LatencyCounts {
  return { buckets: histogram.buckets(), maxUs: histogram.max };
}

function firstStepOf(kind: OperationKind, key: number): Step {
  switch (kind) {
    case 'read':
    case 'modify':
      return { kind: 'read', key };
    case 'update':
    case 'insert':
      return { kind: 'write', key, salt: drawSalt() };
    case 'scan':
      return { kind: 'scan', key, length: 1 + Math.floor(Math.random() * scanLengthMax) };
  }
}
