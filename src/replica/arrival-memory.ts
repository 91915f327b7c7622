/**
 * By which way the versions that a node holds came to it: a small memory of recent arrivals, for an operator who asks
 * why a replica has what it has.
 *
 * Bounded and off the heap: an arrival takes the place of whatever had the same slot, and noting one allocates nothing,
 * but that the memory doubles a few times until it has its full size. It is a help for people, never evidence: a version that is not found here was on the disk when the node
 * started, or came so long ago that another has taken its place.
 */

import type { NodeId } from '../core/config.ts';
import { compareTimes, type HlcTime } from '../core/hybrid-logical-clock.ts';
import { limits } from '../core/limits.ts';
import { compareTokens, type Token } from '../core/token.ts';
import { arrivalPaths, type Arrival, type ArrivalPath } from '../protocol/key-trace-messages.ts';

/** A path and a node in one number, so that a request carries it without an object; 0 is none. */
export type ArrivalOrigin = number;

export interface ArrivedVersion {
  readonly token: Token;
  readonly time: HlcTime;
  readonly checksum: number;
}

/**
 * The facts of an arrival lie side by side, 32 bytes a slot: a busy node notes hundreds of thousands a second, each in another
 * place of the memory. Four words (token, checksum, counter and origin), then the two times.
 */
class Slots {
  readonly mask: number;
  readonly #words: Uint32Array;
  readonly #times: Float64Array;

  constructor(count: number) {
    this.mask = count - 1;
    const bytes = new ArrayBuffer(count * 32);
    this.#words = new Uint32Array(bytes);
    this.#times = new Float64Array(bytes);
  }

  write(token: Token, time: HlcTime, checksum: number, origin: ArrivalOrigin, atWallMs: number): void {
    const slot = token.low & this.mask;
    const words = this.#words;
    const at = slot * 8;
    words[at] = token.high;
    words[at + 1] = token.low;
    words[at + 2] = checksum;
    words[at + 3] = (time.counter << 16) | origin;
    const times = this.#times;
    times[slot * 4 + 2] = time.wallMs;
    times[slot * 4 + 3] = atWallMs;
  }

  /** 0 where nothing is noted. */
  originAt(slot: number): ArrivalOrigin {
    return (this.#words[slot * 8 + 3] ?? 0) & 0xffff;
  }

  versionAt(slot: number): ArrivedVersion {
    const words = this.#words;
    const at = slot * 8;
    return {
      token: { high: words[at] ?? 0, low: words[at + 1] ?? 0 },
      time: { wallMs: this.#times[slot * 4 + 2] ?? 0, counter: (words[at + 3] ?? 0) >>> 16 },
      checksum: words[at + 2] ?? 0,
    };
  }

  atWallMsAt(slot: number): number {
    return this.#times[slot * 4 + 3] ?? 0;
  }
}

/** Slots at first: enough for a node in a simulation, of which thousands start. */
const slotsMin = 256;

export class ArrivalMemory {
  readonly #members: readonly NodeId[];
  readonly #slotsMax: number;
  #slots: Slots;
  #taken = 0;

  /** `slotsMax` is a power of two. */
  constructor(members: readonly NodeId[], slotsMax: number = limits.arrivalsRemembered) {
    this.#members = members;
    this.#slotsMax = slotsMax;
    this.#slots = new Slots(Math.min(slotsMin, slotsMax));
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
    const slots = this.#slots;
    if (origin !== 0 && slots.originAt(token.low & slots.mask) === 0) this.#taken++;
    slots.write(token, time, checksum, origin, nowWallMs);
    if (2 * this.#taken > slots.mask && slots.mask + 1 < this.#slotsMax) this.#grow();
  }

  /** Twice the slots; nothing is forgotten: different slots stay different. */
  #grow(): void {
    const old = this.#slots;
    this.#slots = new Slots(2 * (old.mask + 1));
    this.#taken = 0;
    for (let slot = 0; slot <= old.mask; slot++) {
      const origin = old.originAt(slot);
      if (origin === 0) continue;
      const { token, time, checksum } = old.versionAt(slot);
      this.note(token, time, checksum, origin, old.atWallMsAt(slot));
    }
  }

  /** How this very version came; undefined when that is not remembered. */
  find({ token, time, checksum }: ArrivedVersion): Arrival | undefined {
    const slots = this.#slots;
    const slot = token.low & slots.mask;
    const origin = slots.originAt(slot);
    const noted = slots.versionAt(slot);
    if (
      origin === 0 ||
      compareTokens(noted.token, token) !== 0 ||
      compareTimes(noted.time, time) !== 0 ||
      noted.checksum !== checksum
    ) {
      return undefined;
    }
    const path = pathOf(origin);
    const from = this.#members[(origin - 1) % limits.membersMax];
    if (path === undefined || from === undefined) return undefined;
    return { path, from, atWallMs: slots.atWallMsAt(slot) };
  }
}

function pathOf(origin: ArrivalOrigin): ArrivalPath | undefined {
  return arrivalPaths[Math.floor((origin - 1) / limits.membersMax)];
}
