/**
 * Writes of the `classic-level` engine: every change of a key is decided in that key's own queue.
 *
 * What a key holds is the newest accepted version, durable or not: it is compared against, but nobody reads it
 * before its batch is durable. A caller whose record lost waits for the version it lost against.
 *
 * States: `open`; `full` (LevelDB refused a write for lack of space: the next write recovers the database first);
 * `failed` (any other refusal: what reached the disk is unknown, only a restart helps).
 */

import type { Durability, NodeId } from '../core/config.ts';
import type { Checksum } from '../core/crc32.ts';
import { compareDots } from '../core/dot.ts';
import { errorMessageOf, StoreError } from '../core/errors.ts';
import { compareVersions, supersedes } from '../core/merge.ts';
import type { StoredRecord, VersionDigest } from '../core/record.ts';
import type { Token } from '../core/token.ts';
import type { CancelTimer, Clock } from '../ports/clock.ts';
import type { StabilityFloors } from '../storage/stability-floors.ts';
import type { MergeResult } from '../storage/store.ts';
import { CommitQueue, type CommitBatch, type RowChange } from './classic-level-commit.ts';
import type { ClassicLevelDatabase } from './classic-level-database.ts';
import type { Figures } from './classic-level-figures.ts';
import type { ClassicLevelReader } from './classic-level-reader.ts';
import {
  digestKind,
  encodeDigestRow,
  figuresRow,
  ownSpace,
  quarantineKind,
  recordKind,
  rowKey,
  type DigestRow,
} from './classic-level-rows.ts';
import type { PartitionSums } from './classic-level-sums.ts';
import type { ClassicLevelTreeReader } from './classic-level-tree-reader.ts';

export interface ClassicLevelWriterOptions {
  readonly database: ClassicLevelDatabase;
  readonly reader: ClassicLevelReader;
  readonly clock: Clock;
  readonly checksum: Checksum;
  readonly durability: Durability;
  readonly figures: Figures;
  readonly sums: PartitionSums;
  readonly tree: ClassicLevelTreeReader;
  readonly floors: StabilityFloors;
  readonly hintBytesPerTargetMax: number;
  readonly hintBytesMax: number;
  readonly onFailed: (reason: string) => void;
}

type WriterState =
  { readonly kind: 'open' } | { readonly kind: 'full' | 'failed'; readonly error: StoreError };

/** What a key holds, accepted but perhaps not durable yet. */
interface Held {
  /** Undefined when it holds nothing. */
  readonly row: DigestRow | undefined;
  readonly settled: Promise<void>;
}

interface Place {
  readonly space: string;
  readonly key: Uint8Array;
  readonly token: Token;
}

export class ClassicLevelWriter {
  readonly #options: ClassicLevelWriterOptions;
  readonly #queue: CommitQueue;
  /** The last decision under way for each key. */
  readonly #decisions = new Map<string, Promise<unknown>>();
  /** What is accepted and not durable yet. */
  readonly #accepted = new Map<string, Held>();
  #acceptedFigures: Figures;
  #durableFigures: Figures;
  #state: WriterState = { kind: 'open' };
  #recovering: Promise<void> | undefined;
  #operations = 0;
  #lastSyncWallMs: number | undefined;
  #cancelSync: CancelTimer | undefined;

  constructor(options: ClassicLevelWriterOptions) {
    this.#options = options;
    this.#durableFigures = options.figures;
    this.#acceptedFigures = options.figures.copy();
    this.#queue = new CommitQueue({
      clock: options.clock,
      write: (batch) => this.#write(batch),
      onFailure: (error) => this.#fail(error),
    });
  }

  get state(): WriterState {
    return this.#state;
  }

  /** What is durable, counted. */
  get figures(): Figures {
    return this.#durableFigures;
  }

  /** Operations accepted since the start, those that changed nothing included. */
  get operations(): number {
    return this.#operations;
  }

  get queuedBytes(): number {
    return this.#queue.queuedBytes;
  }

  get lastSyncWallMs(): number | undefined {
    return this.#lastSyncWallMs;
  }

  async merge(record: StoredRecord): Promise<MergeResult> {
    return this.#place(record, ownSpace, () => {});
  }

  async putHint(target: NodeId, record: StoredRecord): Promise<void> {
    await this.#place(record, target, (growth) => this.#checkHintLimits(target, growth));
  }

  async removeHint(target: NodeId, record: StoredRecord): Promise<void> {
    const place = { space: target, key: record.key, token: record.token };
    await this.#decide(place, async (held) => {
      if (held.row === undefined || compareDots(held.row.digest.dot, record.version.dot) > 0) return held;
      return this.#accept(place, { rows: removalOf(place), before: held.row, after: undefined });
    });
  }

  /** Moves a hint that cannot be believed out of the way, so that the hints behind it are delivered. */
  async quarantineHint(target: NodeId, hint: Omit<Place, 'space'>): Promise<void> {
    const place = { ...hint, space: target };
    await this.#decide(place, async (held) => {
      // A newer version is on its way and will take the place of the damaged one.
      if (this.#accepted.has(textOf(place))) return held;
      const row = rowKey(recordKind, target, hint.token, hint.key);
      const value = await this.#options.database.read((native) => native.get(row));
      if (value === undefined || this.#options.reader.believable(value, hint.key) !== undefined) return held;
      const copy = { row: rowKey(quarantineKind, target, hint.token, hint.key), value };
      return this.#accept(place, { rows: [copy, ...removalOf(place)], before: held.row, after: undefined });
    });
  }

  /** Counts the sum of a partition anew from its rows; resolves to whether it was as it should be. */
  async recountSum(partition: number): Promise<boolean> {
    const { sums, tree } = this.#options;
    let wasRight = true;
    await this.#queue.between(async () => {
      wasRight = sums.replace(partition, await tree.countSum(partition));
    });
    return wasRight;
  }

  /** Removes what the own space holds of a key, if it still is something to forget; returns whether it was. */
  async forget(key: Omit<Place, 'space'>, isToForget: (digest: VersionDigest) => boolean): Promise<boolean> {
    return await this.supplant(key, (row) =>
      row !== undefined && isToForget(row.digest) ? 'nothing' : undefined,
    );
  }

  /**
   * Puts what `choose` says in the place of what the own space holds of a key, whichever is newer; undefined leaves it
   * as it is. Returns whether anything was put.
   */
  async supplant(
    key: Omit<Place, 'space'>,
    choose: (held: DigestRow | undefined, isUnderWay: boolean) => StoredRecord | 'nothing' | undefined,
  ): Promise<boolean> {
    const place = { ...key, space: ownSpace };
    let isPut = false;
    await this.#decide(place, async (held) => {
      const chosen = choose(held.row, this.#accepted.has(textOf(place)));
      if (chosen === undefined) return held;
      isPut = true;
      const before = held.row;
      if (chosen === 'nothing') {
        return this.#accept(place, { rows: removalOf(place), before, after: undefined });
      }
      const after = { digest: chosen.version, recordBytes: chosen.bytes.length };
      return this.#accept(place, { rows: this.#rowsOf(place, chosen), before, after });
    });
    return isPut;
  }

  /** Writes a row that is no record's; durable when it resolves. */
  async putRow(change: RowChange): Promise<void> {
    await this.#recoverIfFull();
    if (this.#state.kind !== 'open') throw this.#state.error;
    const written = this.#queue.add({ rows: [change], figures: undefined, bytes: change.row.length });
    await this.#queue.sync();
    await written;
  }

  /** Makes everything accepted so far durable. */
  async sync(): Promise<void> {
    // What was asked for before may not have been decided yet.
    await Promise.allSettled(this.#decisions.values());
    await this.#recoverIfFull();
    await this.#queue.sync();
    // A log file that LevelDB has left meanwhile was never synced; only its table file is.
    if (this.#options.durability.mode !== 'always') await this.#options.database.flush();
  }

  /** Settles once nothing is under way; never rejects. */
  async idle(): Promise<void> {
    this.#cancelSync?.();
    await this.#queue.idle();
  }

  async #place(
    record: StoredRecord,
    space: string,
    checkGrowth: (bytes: number) => void,
  ): Promise<MergeResult> {
    const place = { space, key: record.key, token: record.token };
    const { reader } = this.#options;
    let changed = false;
    const held = await this.#decide(place, async (held) => {
      const before = held.row;
      if (before !== undefined && !supersedes(record.version, before.digest)) {
        const isSame = compareVersions(record.version, before.digest) === 0;
        if (
          !isSame ||
          this.#accepted.has(textOf(place)) ||
          (await reader.isReadable(space, record.key, record.token))
        )
          return held;
      }
      const isHealing = before !== undefined && compareVersions(record.version, before.digest) === 0;
      if (!isHealing && !this.#isAdmitted(record, space, before !== undefined)) {
        return { row: { digest: record.version, recordBytes: 0 }, settled: Promise.resolve() };
      }
      checkGrowth(record.bytes.length - (before?.recordBytes ?? 0));
      changed = true;
      const after = { digest: record.version, recordBytes: record.bytes.length };
      return this.#accept(place, { rows: this.#rowsOf(place, record), before, after });
    });
    const lost = { changed, held: held.row?.digest ?? record.version };
    const row = rowKey(digestKind, space, record.token, record.key);
    const isDamaged = !changed && space === ownSpace && this.#options.sums.isDamaged(row);
    return isDamaged ? { ...lost, isDamaged } : lost;
  }

  /**
   * Runs a decision about one key after all earlier ones about it, with what the key then holds. Settles when
   * what the decision ends with is durable; the next decision does not wait for that.
   */
  async #decide(place: Place, decision: (held: Held) => Promise<Held>): Promise<Held> {
    const text = textOf(place);
    const earlier = this.#decisions.get(text);
    const own = (async () => {
      await earlier?.catch(() => {});
      await this.#recoverIfFull();
      if (this.#state.kind !== 'open') throw this.#state.error;
      const accepted = this.#accepted.get(text);
      if (accepted !== undefined) return decision(accepted);
      const row = await this.#options.reader.held(place.space, place.key, place.token);
      return decision({ row, settled: Promise.resolve() });
    })();
    this.#decisions.set(text, own);
    try {
      const held = await own;
      this.#operations += 1;
      await held.settled;
      return held;
    } finally {
      if (this.#decisions.get(text) === own) this.#decisions.delete(text);
    }
  }

  #accept(
    place: Place,
    change: {
      readonly rows: readonly RowChange[];
      readonly before: DigestRow | undefined;
      readonly after: DigestRow | undefined;
    },
  ): Held {
    const { rows, before, after } = change;
    const figures = {
      space: place.space,
      keys: Number(after !== undefined) - Number(before !== undefined),
      bytes: (after?.recordBytes ?? 0) - (before?.recordBytes ?? 0),
    };
    const bytes = rows.reduce((sum, { row, value }) => sum + row.length + (value?.length ?? 0), 0);
    const sum =
      place.space === ownSpace
        ? { row: rowKey(digestKind, ownSpace, place.token, place.key), token: place.token, before, after }
        : undefined;
    const settled = this.#queue.add({ rows, figures, sum, bytes });
    const held = { row: after, settled };
    const text = textOf(place);
    this.#acceptedFigures.apply(figures);
    this.#accepted.set(text, held);
    const forget = (): void => {
      if (this.#accepted.get(text) === held) this.#accepted.delete(text);
    };
    settled.then(forget, forget);
    return held;
  }

  #rowsOf({ space, token, key }: Place, record: StoredRecord): readonly RowChange[] {
    const row = rowKey(digestKind, space, token, key);
    return [
      { row, value: encodeDigestRow(record, row, this.#options.checksum) },
      { row: rowKey(recordKind, space, token, key), value: record.bytes },
    ];
  }

  /** False for a record that may be forgotten at once. Throws `STALE_VERSION`. */
  #isAdmitted(record: StoredRecord, space: string, isHeld: boolean): boolean {
    const { floors } = this.#options;
    if (space === ownSpace) return floors.admit(record, isHeld) === 'stored';
    floors.checkHint(record);
    return true;
  }

  #checkHintLimits(target: NodeId, growth: number): void {
    const { hintBytesMax, hintBytesPerTargetMax } = this.#options;
    const ofTarget = this.#acceptedFigures.hintBytes(target) + growth;
    const total = this.#acceptedFigures.hintBytes() + growth;
    if (growth <= 0 || (ofTarget <= hintBytesPerTargetMax && total <= hintBytesMax)) return;
    throw new StoreError(
      'HINTS_FULL',
      `a hint for ${target} would make ${ofTarget} bytes of hints for it and ${total} in all; at most ` +
        `${hintBytesPerTargetMax} and ${hintBytesMax} are kept, beyond them ${target} catches up by comparing`,
    );
  }

  async #write(batch: CommitBatch): Promise<void> {
    if (this.#state.kind !== 'open') throw this.#state.error;
    const { database, checksum, durability, clock } = this.#options;
    const figures = this.#durableFigures.copy();
    const rows: RowChange[] = [];
    for (const operation of batch.operations) {
      rows.push(...operation.rows);
      if (operation.figures !== undefined) figures.apply(operation.figures);
    }
    rows.push({ row: figuresRow, value: figures.encode(checksum) });
    const isSynced = durability.mode === 'always' || batch.mustSync;
    await database.write(rows, { sync: isSynced });
    this.#durableFigures = figures;
    for (const { sum } of batch.operations) if (sum !== undefined) this.#options.sums.apply(sum);
    for (const body of batch.afterwards) await body();
    if (isSynced) this.#lastSyncWallMs = clock.wallNow();
    else if (durability.mode === 'interval') this.#syncWithin(durability.intervalMs);
  }

  #syncWithin(intervalMs: number): void {
    this.#cancelSync ??= this.#options.clock.startTimer(intervalMs, () => {
      this.#cancelSync = undefined;
      // The queue reports a failure to whoever writes next.
      this.#queue.sync().catch(() => {});
    });
  }

  #fail(error: unknown): void {
    this.#accepted.clear();
    this.#acceptedFigures = this.#durableFigures.copy();
    if (this.#state.kind !== 'open') return;
    const storeError =
      error instanceof StoreError
        ? error
        : new StoreError('DISK_SYNC_FAILED', errorMessageOf(error), { cause: error });
    this.#state = { kind: storeError.code === 'DISK_FULL' ? 'full' : 'failed', error: storeError };
    if (this.#state.kind === 'failed') this.#options.onFailed(storeError.message);
  }

  async #recoverIfFull(): Promise<void> {
    if (this.#state.kind !== 'full') return;
    this.#recovering ??= this.#recover().finally(() => (this.#recovering = undefined));
    await this.#recovering;
  }

  async #recover(): Promise<void> {
    await this.#options.database.reopen();
    this.#durableFigures = await this.#options.reader.figures();
    // Whether the refused batch is there after all, only the rows can tell.
    await this.#options.tree.countAllSums();
    this.#acceptedFigures = this.#durableFigures.copy();
    this.#state = { kind: 'open' };
  }
}

/** Tells apart any two keys of any two spaces. */
function textOf({ space, key, token }: Place): string {
  return Buffer.from(rowKey(digestKind, space, token, key)).toString('latin1');
}

function removalOf({ space, key, token }: Place): readonly RowChange[] {
  return ([digestKind, recordKind] as const).map((kind) => ({
    row: rowKey(kind, space, token, key),
    value: undefined,
  }));
}
