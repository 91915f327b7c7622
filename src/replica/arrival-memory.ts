/**
 * By which way the versions that a node holds came to it: a small memory of recent arrivals, for an operator who asks
 * why a replica has what it has.
 *
 * Bounded and off the heap: an arrival takes the place of whatever had the same slot, and noting one allocates nothing,
 * but that the memory doubles a few times until it has its full size. It is a help for people, never evidence: a version that is not found here was on the disk when the node
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

/** One column for each fact of an arrival. */
class Columns {
  readonly mask: number;
  readonly tokenHigh: Uint32Array;
  readonly tokenLow: Uint32Array;
  readonly wallMs: Float64Array;
  readonly counter: Uint16Array;
  readonly checksum: Uint32Array;
  /** 0 where nothing is noted. */
  readonly origin: Uint16Array;
  readonly atWallMs: Float64Array;

  constructor(slots: number) {
    this.mask = slots - 1;
    this.tokenHigh = new Uint32Array(slots);
    this.tokenLow = new Uint32Array(slots);
    this.wallMs = new Float64Array(slots);
    this.counter = new Uint16Array(slots);
    this.checksum = new Uint32Array(slots);
    this.origin = new Uint16Array(slots);
    this.atWallMs = new Float64Array(slots);
  }
}

/** Slots at first: enough for a node in a simulation, of which thousands start. */
const slotsMin = 256;

export class ArrivalMemory {
  readonly #members: readonly NodeId[];
  readonly #slotsMax: number;
  #columns: Columns;
  #taken = 0;

  /** `slotsMax` is a power of two. */
  constructor(members: readonly NodeId[], slotsMax: number = limits.arrivalsRemembered) {
    this.#members = members;
    this.#slotsMax = slotsMax;
    this.#columns = new Columns(Math.min(slotsMin, slotsMax));
  }

  /** What `note` takes; 0 for a node that is no member. */
  originOf(path: ArrivalPath, from: NodeId): ArrivalOrigin {
    const member = this.#members.indexOf(from);
    return member < 0 ? 0 : 1 + arrivalPaths.indexOf(path) * limits.membersMax + member;
  }

  /** Whether this node itself fetched what came so: nobody waits for its word then. */
  isFetched(origin: ArrivalOrigin): boolean {
    return origin !== 0 && pathOf(origin) === 'anti-entropy';
  }

  /** The token, stamp and checksum of a version that has become what this node holds. */
  note(token: Token, time: HlcTime, checksum: number, origin: ArrivalOrigin, nowWallMs: number): void {
    const columns = this.#columns;
    const slot = token.low & columns.mask;
    if (columns.origin[slot] === 0 && origin !== 0) this.#taken++;
    columns.tokenHigh[slot] = token.high;
    columns.tokenLow[slot] = token.low;
    columns.wallMs[slot] = time.wallMs;
    columns.counter[slot] = time.counter;
    columns.checksum[slot] = checksum;
    columns.origin[slot] = origin;
    columns.atWallMs[slot] = nowWallMs;
    if (2 * this.#taken > columns.mask && columns.mask + 1 < this.#slotsMax) this.#grow();
  }

  /** Twice the slots; nothing is forgotten: different slots stay different. */
  #grow(): void {
    const old = this.#columns;
    this.#columns = new Columns(2 * (old.mask + 1));
    this.#taken = 0;
    for (let slot = 0; slot <= old.mask; slot++) {
      const origin = old.origin[slot] ?? 0;
      if (origin === 0) continue;
      const token = { high: old.tokenHigh[slot] ?? 0, low: old.tokenLow[slot] ?? 0 };
      const time = { wallMs: old.wallMs[slot] ?? 0, counter: old.counter[slot] ?? 0 };
      this.note(token, time, old.checksum[slot] ?? 0, origin, old.atWallMs[slot] ?? 0);
    }
  }

  /** How this very version came; undefined when that is not remembered. */
  find({ token, time, checksum }: ArrivedVersion): Arrival | undefined {
    const columns = this.#columns;
    const slot = token.low & columns.mask;
    const origin = columns.origin[slot] ?? 0;
    if (
      origin === 0 ||
      columns.tokenHigh[slot] !== token.high ||
      columns.tokenLow[slot] !== token.low ||
      columns.wallMs[slot] !== time.wallMs ||
      columns.counter[slot] !== time.counter ||
      columns.checksum[slot] !== checksum
    ) {
      return undefined;
    }
    const path = pathOf(origin);
    const from = this.#members[(origin - 1) % limits.membersMax];
    if (path === undefined || from === undefined) return undefined;
    return { path, from, atWallMs: columns.atWallMs[slot] ?? 0 };
  }
}

function pathOf(origin: ArrivalOrigin): ArrivalPath | undefined {
  return arrivalPaths[Math.floor((origin - 1) / limits.membersMax)];
}
