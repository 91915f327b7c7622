/**
 * How many client requests a node works on at once: a limit that follows what requests take.
 *
 * By Little's law requests under way = throughput × latency, so once the throughput is all there is, more requests under
 * way only make each of them later. At the end of each window the limit shrinks in proportion when requests took longer
 * than a target, and grows when it was reached and they did not (the gradient of Netflix' concurrency-limits; AIMD,
 * Chiu and Jain 1989). The target is a few times what requests take while few are under way, so a slow disk or a
 * slow network is no load: the limit goes down to its floor, where what requests take becomes the new usual, and
 * comes back. A window in which nothing was answered tells of others that hang, not of this node: the limit grows.
 *
 * A decider: measuring is `replica/admission-gate.ts`. Simplification: reads and writes count alike.
 */

import { limits } from './limits.ts';

export interface AdmissionWindow {
  /** What requests that were served took on average; undefined when none was. */
  readonly averageMs: number | undefined;
  /** The most that were under way at once. */
  readonly inFlightMax: number;
}

export interface AdmissionBounds {
  readonly start: number;
  readonly min: number;
  readonly max: number;
  /** No target is below this. */
  readonly targetMsMin: number;
}

export const admissionBounds: AdmissionBounds = {
  start: limits.admissionLimitStart,
  min: limits.admissionLimitMin,
  max: limits.admissionLimitMax,
  targetMsMin: limits.admissionTargetMsMin,
};

/** Requests may take so many times the usual before there are too many of them. */
const targetFactor = 3;
/** No target goes beyond this, or a little more than the usual. */
const targetMsCeiling = 250;
const leastTargetFactor = 1.25;
/** One window shrinks the limit no further than this: its average may be a single pause. */
const shrinkMin = 0.7;
/** Far below the target there is room for a quarter more; near it a tenth is tried. */
const growth = { far: 1.25, near: 1.1 };
/** Requests that take longer although few are under way are believed slowly: it may be a pause, too. */
const usualWeightUp = 0.1;

export class AdmissionLimit {
  readonly #bounds: AdmissionBounds;
  #value: number;
  #usualMs: number | undefined;

  constructor(bounds: AdmissionBounds = admissionBounds) {
    this.#bounds = bounds;
    this.#value = bounds.start;
  }

  /** How many may be under way. */
  get value(): number {
    return Math.floor(this.#value);
  }

  /** What requests take while few are under way; undefined before that was so. */
  get usualMs(): number | undefined {
    return this.#usualMs;
  }

  /** What they may take on average. */
  get targetMs(): number {
    const usualMs = this.#usualMs ?? 0;
    const ceilingMs = Math.max(targetMsCeiling, leastTargetFactor * usualMs);
    return Math.min(ceilingMs, Math.max(this.#bounds.targetMsMin, targetFactor * usualMs));
  }

  /** Takes in what a window has shown. */
  endWindow({ averageMs, inFlightMax }: AdmissionWindow): void {
    const { min } = this.#bounds;
    const wasReached = inFlightMax >= this.value;
    if (averageMs === undefined) {
      if (wasReached) this.#set(this.#value * growth.far);
      return;
    }
    const areFew = inFlightMax <= min;
    this.#learnUsual(averageMs, areFew);
    const { targetMs } = this;
    if (averageMs > targetMs) {
      // What few requests take is none of their doing.
      if (!areFew) {
        this.#set(Math.min(this.#value, inFlightMax) * Math.max(shrinkMin, targetMs / averageMs));
      }
    } else if (wasReached) {
      this.#set(this.#value * (averageMs < targetMs / 2 ? growth.far : growth.near) + 1);
    }
  }

  #learnUsual(averageMs: number, areFew: boolean): void {
    const usualMs = this.#usualMs ?? (areFew ? averageMs : undefined);
    if (usualMs === undefined) return;
    if (averageMs < usualMs) this.#usualMs = averageMs;
    else if (areFew) this.#usualMs = usualMs + usualWeightUp * (averageMs - usualMs);
  }

  #set(value: number): void {
    this.#value = Math.min(this.#bounds.max, Math.max(this.#bounds.min, value));
  }
}
