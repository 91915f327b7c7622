/**
 * A store that tells what is merged, kept and read: a narrator of the key its story is about, a trace of all.
 */

import type { NodeId } from '../core/config.ts';
import type { StoreError } from '../core/errors.ts';
import type { MaybePromise } from '../core/maybe-promise.ts';
import type { StoredRecord, VersionDigest } from '../core/record.ts';
import type { Token, TokenRange } from '../core/token.ts';
import type { VersionSum } from '../core/version-sum.ts';
import type {
  DamagedVersion,
  EvidenceCause,
  FloorResult,
  HintSummary,
  MergeResult,
  RecordPage,
  ScanPage,
  ScrubOptions,
  ScrubReport,
  Store,
  StoreStatus,
  VersionPage,
} from '../storage/store.ts';
import { describeVersion, type Narrator } from './narrator.ts';
import { keyText, type TraceLog } from './trace-log.ts';

interface Listeners {
  readonly narrator: Narrator | undefined;
  readonly traceLog: TraceLog | undefined;
}

export class NarratedStore implements Store {
  readonly #node: NodeId;
  readonly #store: Store;
  readonly #listeners: Listeners;

  constructor(node: NodeId, store: Store, listeners: Listeners) {
    this.#node = node;
    this.#store = store;
    this.#listeners = listeners;
  }

  get acknowledgesSynced(): boolean {
    return this.#store.acknowledgesSynced;
  }

  async merge(record: StoredRecord): Promise<MergeResult> {
    const result = await this.#store.merge(record);
    this.#tellMerged(record, result);
    return result;
  }

  async mergeAll(records: readonly StoredRecord[]): Promise<readonly (MergeResult | StoreError)[]> {
    const results = await this.#store.mergeAll(records);
    for (const [index, record] of records.entries()) {
      const result = results[index];
      if (result !== undefined && 'changed' in result) this.#tellMerged(record, result);
    }
    return results;
  }

  #tellMerged({ key, version }: StoredRecord, result: MergeResult): void {
    const held = result.changed ? 'kept' : `superseded by ${describeVersion(result.held)}`;
    this.#tell(key, `${describeVersion(version)} merged and durable: ${held}`);
  }

  async putHint(target: NodeId, record: StoredRecord): Promise<void> {
    await this.#store.putHint(target, record);
    this.#tell(record.key, `hint ${describeVersion(record.version)} for ${target} durable`);
  }

  async removeHint(target: NodeId, record: StoredRecord): Promise<void> {
    await this.#store.removeHint(target, record);
    this.#tell(record.key, `hint ${describeVersion(record.version)} for ${target} removed`);
  }

  get(key: Uint8Array, token: Token): MaybePromise<StoredRecord | undefined> {
    return told(this.#store.get(key, token), (record) =>
      this.#tell(key, `reads ${record === undefined ? 'nothing' : describeVersion(record.version)}`),
    );
  }

  digest(key: Uint8Array, token: Token): MaybePromise<VersionDigest | undefined> {
    return told(this.#store.digest(key, token), (digest) =>
      this.#tell(key, `reads digest ${digest === undefined ? 'nothing' : describeVersion(digest)}`),
    );
  }

  floorOf(partition: number): number {
    return this.#store.floorOf(partition);
  }

  raiseFloors(floors: Parameters<Store['raiseFloors']>[0]): Promise<FloorResult> {
    return this.#store.raiseFloors(floors);
  }

  setRefill(partition: number, refilling: boolean): void {
    this.#store.setRefill(partition, refilling);
  }

  dropStrays(...[partition, strays]: Parameters<Store['dropStrays']>): Promise<number> {
    return this.#store.dropStrays(partition, strays);
  }

  async removeRecord(record: StoredRecord): Promise<void> {
    await this.#store.removeRecord(record);
    this.#tell(record.key, `${describeVersion(record.version)} removed: it belongs to others`);
  }

  oldestHint(): ReturnType<Store['oldestHint']> {
    return this.#store.oldestHint();
  }

  compactNow(): Promise<void> {
    return this.#store.compactNow();
  }

  scan(options: Parameters<Store['scan']>[0]): Promise<ScanPage> {
    return this.#store.scan(options);
  }

  partitionSum(partition: number): VersionSum {
    return this.#store.partitionSum(partition);
  }

  sumRanges(ranges: readonly TokenRange[], upToMs: number): Promise<readonly VersionSum[]> {
    return this.#store.sumRanges(ranges, upToMs);
  }

  listVersions(range: TokenRange, limit: number): Promise<VersionPage> {
    return this.#store.listVersions(range, limit);
  }

  listDamaged(range: TokenRange, limit: number): Promise<readonly DamagedVersion[]> {
    return this.#store.listDamaged(range, limit);
  }

  async replaceDamaged(...[damaged, records]: Parameters<Store['replaceDamaged']>): Promise<boolean> {
    const isReplaced = await this.#store.replaceDamaged(damaged, records);
    for (const { key, version } of isReplaced ? records : []) {
      this.#tell(key, `${describeVersion(version)} took the place of a damaged one of ${damaged.wallMs}`);
    }
    return isReplaced;
  }

  readRange(range: TokenRange, bytesMax: number): Promise<RecordPage> {
    return this.#store.readRange(range, bytesMax);
  }

  readTokens(...asked: Parameters<Store['readTokens']>): ReturnType<Store['readTokens']> {
    return this.#store.readTokens(...asked);
  }

  readHints(target: NodeId, limit: number): Promise<readonly StoredRecord[]> {
    return this.#store.readHints(target, limit);
  }

  findHinted(...asked: Parameters<Store['findHinted']>): ReturnType<Store['findHinted']> {
    return this.#store.findHinted(...asked);
  }

  hints(): readonly HintSummary[] {
    return this.#store.hints();
  }

  loseEvidence(cause: EvidenceCause): Promise<void> {
    return this.#store.loseEvidence(cause);
  }

  restoreEvidence(): Promise<void> {
    return this.#store.restoreEvidence();
  }

  status(): StoreStatus {
    return this.#store.status();
  }

  scrub(options: ScrubOptions): Promise<ScrubReport> {
    return this.#store.scrub(options);
  }

  checkpoint(): Promise<void> {
    return this.#store.checkpoint();
  }

  sync(): Promise<void> {
    return this.#store.sync();
  }

  backup(path: string): Promise<void> {
    return this.#store.backup(path);
  }

  close(): Promise<void> {
    return this.#store.close();
  }

  #tell(key: Uint8Array, what: string): void {
    const { narrator, traceLog } = this.#listeners;
    if (narrator?.concerns(key) === true) narrator.tell(`${this.#node} ${what}`);
    traceLog?.add('store', this.#node, { key: keyText(key), text: what });
  }
}

/** What is at hand stays at hand: a run that is told must take the same turns as one that is not. */
function told<Value>(value: MaybePromise<Value>, tell: (value: Value) => void): MaybePromise<Value> {
  if (value instanceof Promise) {
    return value.then((later) => {
      tell(later);
      return later;
    });
  }
  tell(value);
  return value;
}
