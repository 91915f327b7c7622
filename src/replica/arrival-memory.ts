/**
 * By which way the versions that a node holds came to it: a small memory of recent arrivals, for an operator who asks
 * why a replica has what it has.
 *
 * Fixed in size and off the heap: an arrival takes the place of whatever had the same slot, and noting one allocates
 * nothing. It is a help for people, never evidence: a version that is not found here was on the disk when the node
 * started, or came so long ago that another has taken its place.
 */

import type { NodeId } from '../core/config.ts';
import type { HlcTime } from '../core/hybrid-logical-clock.ts';
import { limits } from '../core/limits.ts';
import type { Token } from '../core/token.ts';
import { arrivalPaths, type Arrival, type ArrivalPath } from '../protocol/key-trace-messages.ts';

/** A path and a node in one number, so that a request carries it without an object; 0 is none. */
export type ArrivalOrigin = number;

export interface ArrivedVersion {
  readonly token: Token;
  readonly time: HlcTime;
  readonly checksum: number;
}

export class ArrivalMemory {
  readonly #members: readonly NodeId[];
  readonly #mask: number;
  readonly #tokenHigh: Uint32Array;
  readonly #tokenLow: Uint32Array;
  readonly #wallMs: Float64Array;
  readonly #counter: Uint16Array;
  readonly #checksum: Uint32Array;
  readonly #origin: Uint16Array;
  readonly #atWallMs: Float64Array;

  /** `slots` is a power of two. */
  constructor(members: readonly NodeId[], slots: number = limits.arrivalsRemembered) {
    this.#members = members;
    this.#mask = slots - 1;
    this.#tokenHigh = new Uint32Array(slots);
    this.#tokenLow = new Uint32Array(slots);
    this.#wallMs = new Float64Array(slots);
    this.#counter = new Uint16Array(slots);
    this.#checksum = new Uint32Array(slots);
    this.#origin = new Uint16Array(slots);
    this.#atWallMs = new Float64Array(slots);
  }

  /** What `note` takes; 0 for a node that is no member. */
  originOf(path: ArrivalPath, from: NodeId): ArrivalOrigin {
    const member = this.#members.indexOf(from);
    return member < 0 ? 0 : 1 + arrivalPaths.indexOf(path) * limits.membersMax + member;
  }

  /** The token, stamp and checksum of a version that has become what this node holds. */
  note(token: Token, time: HlcTime, checksum: number, origin: ArrivalOrigin, nowWallMs: number): void {
    const slot = token.low & this.#mask;
    this.#tokenHigh[slot] = token.high;
    this.#tokenLow[slot] = token.low;
    this.#wallMs[slot] = time.wallMs;
    this.#counter[slot] = time.counter;
    this.#checksum[slot] = checksum;
    this.#origin[slot] = origin;
    this.#atWallMs[slot] = nowWallMs;
  }

  /** How this very version came; undefined when that is not remembered. */
  find({ token, time, checksum }: ArrivedVersion): Arrival | undefined {
    const slot = token.low & this.#mask;
    const origin = this.#origin[slot] ?? 0;
    if (
      origin === 0 ||
      this.#tokenHigh[slot] !== token.high ||
      this.#tokenLow[slot] !== token.low ||
      this.#wallMs[slot] !== time.wallMs ||
      this.#counter[slot] !== time.counter ||
      this.#checksum[slot] !== checksum
    ) {
      return undefined;
    }
    const path = arrivalPaths[Math.floor((origin - 1) / limits.membersMax)];
    const from = this.#members[(origin - 1) % limits.membersMax];
    if (path === undefined || from === undefined) return undefined;
    return { path, from, atWallMs: this.#atWallMs[slot] ?? 0 };
  }
}
