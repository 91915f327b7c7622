/**
 * The clock of one node under virtual time: it may start off, drift, and be set forwards or backwards.
 *
 * The hardware clock outlives the process, the timers do not: they belong to the scope of one life and
 * never fire after it. Timers run on the drifting monotonic clock, as they do on a machine.
 */

import type { CancelTimer, Clock } from '../ports/clock.ts';
import type { ProcessScope } from './process-scope.ts';
import type { Scheduler } from './scheduler.ts';
import type { SimRandom } from './sim-random.ts';

/** Wall time at the start of every run: 1 January 2030, UTC. */
export const simulationStartWallMs = 1_893_456_000_000;

/** A timer fires up to this much late, as timers do. */
const timerLatenessMicrosMax = 1_000;
/** How long a turn of the event loop takes at most when nothing holds it up. */
const turnMicrosMax = 40;

/** The clock hardware of a machine. */
export class SimClockHardware {
  readonly #scheduler: Scheduler;
  #offsetMs: number;
  readonly #driftPerMillion: number;
  #sets = 0;

  constructor(options: {
    readonly scheduler: Scheduler;
    /** What the wall clock is ahead of true time at the start. */
    readonly offsetMs?: number;
    /** Microseconds gained per second. */
    readonly driftPerMillion?: number;
  }) {
    this.#scheduler = options.scheduler;
    this.#offsetMs = options.offsetMs ?? 0;
    this.#driftPerMillion = options.driftPerMillion ?? 0;
  }

  /** How often the wall clock was set. */
  get sets(): number {
    return this.#sets;
  }

  /** Sets the wall clock forwards, or backwards if negative. */
  jump(byMs: number): void {
    this.#sets += 1;
    this.#offsetMs += byMs;
  }

  /** Sets the wall clock to so much ahead of what this machine has counted. */
  setOffset(offsetMs: number): void {
    this.#sets += 1;
    this.#offsetMs = offsetMs;
  }

  /** Microseconds that this machine has counted since the start of the run, drift included. */
  countedMicros(): number {
    const now = this.#scheduler.nowMicros;
    return now + Math.floor((now * this.#driftPerMillion) / 1_000_000);
  }

  wallMs(): number {
    return simulationStartWallMs + this.#offsetMs + Math.floor(this.countedMicros() / 1000);
  }

  /** How much true time passes while this machine counts so many microseconds. */
  trueMicros(countedMicros: number): number {
    return Math.ceil((countedMicros * 1_000_000) / (1_000_000 + this.#driftPerMillion));
  }
}

/** The clock as one life of a node sees it. */
export class SimClock implements Clock {
  readonly #hardware: SimClockHardware;
  readonly #scheduler: Scheduler;
  readonly #random: SimRandom;
  readonly #scope: ProcessScope;
  /** The last turn that was asked for: the next one asked for comes after it. */
  #lastTurnMicros = 0;
  /** What cancels each timer that has neither fired nor been cancelled. */
  readonly #timers = new Set<CancelTimer>();

  constructor(options: {
    readonly hardware: SimClockHardware;
    readonly scheduler: Scheduler;
    readonly random: SimRandom;
    readonly scope: ProcessScope;
  }) {
    this.#hardware = options.hardware;
    this.#scheduler = options.scheduler;
    this.#random = options.random;
    this.#scope = options.scope;
    // They would never fire, but lie in the scheduler until they are due: some wait for a day.
    this.#scope.onKilled(() => {
      for (const cancel of this.#timers) cancel();
      this.#timers.clear();
    });
  }

  /** Timers that have neither fired nor been cancelled. */
  get timers(): number {
    return this.#timers.size;
  }

  wallNow(): number {
    return this.#hardware.wallMs();
  }

  monotonicNow(): number {
    return this.#hardware.countedMicros() / 1000;
  }

  startTimer(delayMs: number, callback: () => void): CancelTimer {
    const latenessMicros = this.#random.below(timerLatenessMicrosMax);
    // A microsecond more than asked for makes up for rounding in both directions of the drift.
    const delayMicros = this.#hardware.trueMicros(Math.max(0, delayMs) * 1000 + 1) + latenessMicros;
    const cancel = this.#scheduler.after(delayMicros, () => {
      this.#scope.enter(() => {
        // One that came due during a pause can still be cancelled by what enters before it.
        if (this.#timers.delete(cancel)) callback();
      });
    });
    this.#timers.add(cancel);
    return () => {
      if (this.#timers.delete(cancel)) cancel();
    };
  }

  nextTurn(callback: () => void): void {
    const soon = this.#scheduler.nowMicros + 1 + this.#random.below(turnMicrosMax);
    this.#lastTurnMicros = Math.max(soon, this.#lastTurnMicros + 1);
    this.#scheduler.at(this.#lastTurnMicros, () => this.#scope.enter(callback));
  }
}
