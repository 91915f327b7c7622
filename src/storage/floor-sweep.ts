/**
 * Forgets what lies below the stability floor and says no more than its absence would: tombstones, and
 * values that had expired by then.
 *
 * Forgetting is removing the slot; the entry stays in the log as long as compaction needs it there to
 * outlive what it superseded. A walk over the slots of a partition is memory only, but for the expiries,
 * which are in the records: those that a sweep has read and found to lie in the future are not read
 * again before the least of them has come.
 */

import { errorCodeOf } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { isCollectable, noFloorMs } from '../core/stability.ts';
import type { Clock } from '../ports/clock.ts';
import type { LogIndex } from './log-index.ts';
import { nextTurn } from './next-turn.ts';
import type { PartitionIndex } from './partition-index.ts';
import type { StabilityFloors } from './stability-floors.ts';

export interface SweepResult {
  readonly dropped: number;
  readonly droppedBytes: number;
}

/** What the last sweep of a partition has found out about expiries. */
interface ExpiryFinding {
  /** Of all versions up to this time ... */
  readonly sweptToMs: number;
  /** ... none expires before this. */
  readonly leastExpiryMs: number;
}

export class FloorSweep {
  readonly #index: LogIndex;
  readonly #floors: StabilityFloors;
  readonly #clock: Clock;
  readonly #findings = new Map<number, ExpiryFinding>();
  #collectedKeys = 0;
  #slotsThisTurn = 0;

  constructor(options: {
    readonly index: LogIndex;
    readonly floors: StabilityFloors;
    readonly clock: Clock;
  }) {
    this.#index = options.index;
    this.#floors = options.floors;
    this.#clock = options.clock;
  }

  /** Keys forgotten since the start. */
  get collectedKeys(): number {
    return this.#collectedKeys;
  }

  /** What is known of expiries no longer holds: something may have come in from below the floor. */
  expectExpiries(partition: number): void {
    this.#findings.delete(partition);
  }

  /** Forgets the tombstones only, which takes no read: for a start, before anybody asks. */
  async sweepTombstones(): Promise<SweepResult> {
    const partitions = this.#index.own.tables.keys();
    return await this.#sweep(partitions, false, new AbortController().signal);
  }

  /** Forgets all that can be forgotten in these partitions; stops early when told to. */
  async sweep(partitions: Iterable<number>, signal: AbortSignal): Promise<SweepResult> {
    return await this.#sweep(partitions, true, signal);
  }

  async #sweep(
    partitions: Iterable<number>,
    readsExpiries: boolean,
    signal: AbortSignal,
  ): Promise<SweepResult> {
    let dropped = 0;
    let droppedBytes = 0;
    for (const partition of partitions) {
      const table = this.#index.own.tables[partition];
      if (table === undefined || this.#floors.floorOf(partition) === noFloorMs) continue;
      const result = await this.#sweepTable(partition, table, readsExpiries, signal);
      dropped += result.dropped;
      droppedBytes += result.droppedBytes;
    }
    this.#collectedKeys += dropped;
    return { dropped, droppedBytes };
  }

  async #sweepTable(
    partition: number,
    table: PartitionIndex,
    readsExpiries: boolean,
    signal: AbortSignal,
  ): Promise<SweepResult> {
    const floorMs = this.#floors.floorOf(partition);
    const finding = this.#findings.get(partition);
    this.#findings.delete(partition);
    const isStillTrue = finding !== undefined && finding.leastExpiryMs > floorMs;
    const knownToMs = isStillTrue ? finding.sweptToMs : noFloorMs;
    let leastExpiryMs = isStillTrue ? finding.leastExpiryMs : Number.POSITIVE_INFINITY;
    let dropped = 0;
    let droppedBytes = 0;
    let slot = table.firstSlot();
    while (slot >= 0 && !signal.aborted) {
      if (this.#slotsThisTurn++ >= limits.floorSlotsPerTurn) {
        const token = { high: table.tokenHighAt(slot), low: table.tokenLowAt(slot) };
        this.#slotsThisTurn = 0;
        await nextTurn(this.#clock);
        slot = table.seek(token);
        continue;
      }
      const expiresAtMs = this.#expiryOf(table, slot, { floorMs, knownToMs, readsExpiries });
      const version = {
        dot: { wallMs: table.wallMsAt(slot), counter: 0, actor: '' },
        tombstone: table.isTombstoneAt(slot),
        expiresAtMs: expiresAtMs ?? 0,
      };
      if (isCollectable(version, floorMs)) {
        const length = table.lengthAt(slot);
        this.#index.segments.at(table.segmentAt(slot)).collectedBytes += length;
        this.#index.removeSlot(this.#index.own, table, slot);
        dropped++;
        droppedBytes += length;
        // Those behind it have moved up.
        slot = table.slotAfter(slot - 1);
        continue;
      }
      // What cannot be read now is healed, and read, later.
      if (expiresAtMs === undefined) leastExpiryMs = noFloorMs;
      else if (expiresAtMs !== 0) leastExpiryMs = Math.min(leastExpiryMs, expiresAtMs);
      slot = table.slotAfter(slot);
    }
    if (readsExpiries && !signal.aborted && !this.#floors.isRefilling(partition)) {
      this.#findings.set(partition, { sweptToMs: floorMs, leastExpiryMs });
    }
    return { dropped, droppedBytes };
  }

  /** When a version expires, 0 when it does not or not up to the floor, undefined when that cannot be told. */
  #expiryOf(
    table: PartitionIndex,
    slot: number,
    known: { readonly floorMs: number; readonly knownToMs: number; readonly readsExpiries: boolean },
  ): number | undefined {
    const wallMs = table.wallMsAt(slot);
    if (
      !known.readsExpiries ||
      !table.expiresAt(slot) ||
      wallMs > known.floorMs ||
      wallMs <= known.knownToMs
    ) {
      return 0;
    }
    // A read takes as long as some hundred slots.
    this.#slotsThisTurn += limits.floorSlotsPerRead;
    try {
      return this.#index.digestOf(this.#index.own, table, slot).expiresAtMs;
    } catch (error) {
      if (errorCodeOf(error) === 'RECORD_CORRUPT') return undefined;
      throw error;
    }
  }
}
