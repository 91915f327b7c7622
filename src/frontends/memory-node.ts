/**
 * A node of its own for the tests of the frontends: real records in a Map, no peers, no disk.
 *
 * Not for production use. `write` and `read` let a test replace what the next operations come to.
 */

import { crc32 } from '../core/crc32.ts';
import { compareTokens, type Token } from '../core/token.ts';
import type { NodeId } from '../core/config.ts';
import type { Dot } from '../core/dot.ts';
import { StoreError } from '../core/errors.ts';
import { mergeRecords, supersedes } from '../core/merge.ts';
import { encodeRecord, readsAsDeleted, type StoredRecord, type VersionFields } from '../core/record.ts';
import type { AdmissionStatus } from '../replica/admission-gate.ts';
import type {
  Health,
  FloorStatus,
  HintStatus,
  InspectionRecord,
  KeyEntry,
  KeyPlacement,
  LocalInspection,
  NodeApi,
  PeerStatus,
  PutRequest,
  Readiness,
  ReadOutcome,
  RequestOptions,
  RequestsTogether,
  RingStatus,
  ScanOutcome,
  WriteOutcome,
} from '../replica/node-api.ts';
import type { OperatorApi } from '../replica/operator-api.ts';
import { memoryOperator } from './memory-operator.ts';
import type { AntiEntropyStatus } from '../replica/anti-entropy-status.ts';
import type { ScanCursor, StoreStatus } from '../storage/store.ts';

export class MemoryNode implements NodeApi {
  readonly id = nodeId('n1');
  readonly incarnation = 7;
  readonly records = new Map<string, StoredRecord>();
  readonly hinted: { readonly target: string; readonly record: InspectionRecord }[] = [];
  readonly repaired: (readonly number[] | undefined)[] = [];
  /** What clients asked for, as it arrived. */
  readonly puts: PutRequest[] = [];
  readonly gets: (RequestOptions & { readonly key: Uint8Array })[] = [];
  /** How many requests came together, each time. */
  readonly gathered: number[] = [];
  /** Replaces what a write or read comes to. */
  write: ((request: { readonly key: Uint8Array }) => Promise<WriteOutcome>) | undefined;
  read: ((request: { readonly key: Uint8Array }) => Promise<ReadOutcome>) | undefined;
  /** Replaces what a scan comes to. */
  scanning: (() => Promise<ScanOutcome>) | undefined;
  /** What an inspection waits for. */
  inspection: Promise<void> | undefined;
  /** What a repair, a scrub or a compaction waits for. */
  work: Promise<void> | undefined;
  healthNow: Health = { ok: true };
  readyNow: Readiness = { ready: true, read: true, write: true, message: 'ready' };
  isCrowded = false;
  wallMs = 1_700_000_000_000;
  #counter = 0;

  put(request: PutRequest): Promise<WriteOutcome> {
    this.puts.push(request);
    if (this.write !== undefined) return this.write(request);
    const { key, value, contentType, expiresAtMs } = request;
    return this.#store({
      key,
      // A copy, as a coordinator makes one: the buffer of the request is the frontend's.
      value: Uint8Array.from(value),
      ...(contentType === undefined ? {} : { contentType }),
      ...(expiresAtMs === undefined ? {} : { expiresAtMs }),
    });
  }

  delete(request: RequestOptions & { readonly key: Uint8Array }): Promise<WriteOutcome> {
    if (this.write !== undefined) return this.write(request);
    return this.#store({ key: request.key, tombstone: true });
  }

  async get(request: RequestOptions & { readonly key: Uint8Array }): Promise<ReadOutcome> {
    this.gets.push(request);
    if (this.read !== undefined) return this.read(request);
    const version = this.records.get(textOf(request.key))?.version;
    if (version === undefined || readsAsDeleted(version, this.wallMs)) {
      return { kind: 'missing', digest: version, answered: 2, required: 2 };
    }
    return { kind: 'found', version, answered: 2, required: 2 };
  }

  readonly together: RequestsTogether = {
    put: (requests, onOutcome) => {
      this.gathered.push(requests.length);
      for (const [index, request] of requests.entries()) {
        void this.put(request).then((outcome) => onOutcome(index, outcome));
      }
    },
    get: (requests, onOutcome) => {
      this.gathered.push(requests.length);
      for (const [index, request] of requests.entries()) {
        void this.get(request).then((outcome) => onOutcome(index, outcome));
      }
    },
  };

  async scan({ from, limit }: { readonly from: Token; readonly limit: number }): Promise<ScanOutcome> {
    if (this.scanning !== undefined) return await this.scanning();
    const entries = [...this.records.values()]
      .filter(({ token }) => compareTokens(token, from) >= 0)
      .sort((left, right) => compareTokens(left.token, right.token));
    const page = entries.slice(0, limit).map(({ key, version }) => ({ key, digest: version }));
    return { kind: 'page', entries: page, next: entries[limit]?.token };
  }

  readonly local: LocalInspection = {
    get: async (key) => {
      await this.inspection;
      return this.records.get(textOf(key));
    },
    put: async (record, hintFor) => this.#putLocally(record, hintFor),
    keys: async ({ after, limit }) => this.#keys(after, limit),
  };

  readonly operator: OperatorApi = memoryOperator(this);

  health(): Health {
    return this.healthNow;
  }

  readiness(): Readiness {
    return this.readyNow;
  }

  ring(): RingStatus {
    const partitionsPerNode = [
      { id: nodeId('n1'), partitions: 86 },
      { id: nodeId('n2'), partitions: 85 },
      { id: nodeId('n3'), partitions: 85 },
    ];
    return { epoch: 3, partitions: 256, quorum: { n: 3, r: 2, w: 2 }, partitionsPerNode };
  }

  placementOf(key: Uint8Array): KeyPlacement {
    // The key itself stands in for its token, so that a test sees which bytes arrived.
    const token = Buffer.from(key).toString('hex').padEnd(16, '0').slice(0, 16);
    return { token, partition: 5, owners: [nodeId('n2'), nodeId('n1')], fallbacks: [nodeId('n3')] };
  }

  hints(): HintStatus {
    const targets = [{ target: nodeId('n2'), count: 4, bytes: 400 }];
    const dropped = { cancelled: 1, stale: 0, refused: 0, leftOut: 2, full: 3 };
    return { count: 4, bytes: 400, targets, written: 9, delivered: 5, ...dropped, lastError: '' };
  }

  floor(): FloorStatus {
    const led = { partition: 5, floorMs: 1_000, leader: nodeId('n1'), reason: 'blocked by n3: down 4 h' };
    return {
      promiseMs: 2_000,
      partitions: [led, { ...led, partition: 7, leader: nodeId('n2'), floorMs: 0, reason: '' }],
      ...{ straysRefused: 1, straysDropped: 2, lateWritesRefused: 3, collectedKeys: 4, collectedBytes: 500 },
    };
  }

  antiEntropy(): AntiEntropyStatus {
    return {
      isEnabled: true,
      intervalMs: 1_000,
      evidence: { cause: 'lost', incompletePartitions: 2 },
      lastRound: {
        peer: nodeId('n2'),
        atWallMs: 1_700_000_000_500,
        tookMs: 3.4,
        compared: 86,
        fetched: 5,
        error: '',
      },
      owners: [
        {
          ...{
            peer: nodeId('n2'),
            partitions: 86,
            unfinished: 1,
            ahead: 0,
            isEqual: false,
            lastComparedMs: 12.3,
          },
          ...{ rounds: 4, errors: 1, lastError: 'n2 has restarted', fetched: 9, refused: 0 },
          ...{ sentBytes: 800, receivedBytes: 4_000 },
          different: [{ partition: 17, state: 'unfinished', lastComparedMs: 12.3 }],
        },
      ],
      hygiene: { foreignPartitions: 1, foreignRecords: 6, handedOver: 2, lastError: 'n3 is down' },
    };
  }

  peers(): readonly PeerStatus[] {
    const seen = { up: true, suspect: false, latencyMs: 0.75, incarnation: 2, silentMs: 12 };
    return [{ id: nodeId('n2'), ...seen, hintsPending: 4 }];
  }

  storage(): StoreStatus {
    return {
      engine: 'log',
      state: 'open',
      reason: '',
      keys: this.records.size,
      logBytes: 1000,
      liveBytes: 900,
      segments: 1,
      logEntries: 10,
      operations: 4,
      queuedBytes: 0,
      lastSyncWallMs: 5,
      lastSnapshotWallMs: undefined,
      snapshotBytes: 0,
      compactions: 0,
      compactedBytes: 0,
      quarantined: [],
      evidenceLost: false,
      collectedKeys: 0,
      collectedBytes: 0,
      floorMinMs: 0,
      floorMaxMs: 0,
    };
  }

  admission(): AdmissionStatus {
    const latencies = { averageMs: 3.25, usualMs: 1.5, targetMs: 20 };
    return { limit: 256, inFlight: 12, queued: 3, oldestMs: 4.5, ...latencies };
  }

  counters(): Readonly<Record<string, number>> {
    return { 'puts.acknowledged': this.puts.length };
  }

  async #store(fields: Omit<VersionFields, 'dot'>): Promise<WriteOutcome> {
    const dot: Dot = { wallMs: this.wallMs, counter: this.#counter++, actor: 'n1.test' };
    this.#merge(encodeRecord({ ...fields, dot }, crc32));
    return { kind: 'stored', dot, acknowledged: 2, required: 2 };
  }

  #merge(record: StoredRecord): boolean {
    const name = textOf(record.key);
    const held = this.records.get(name);
    this.records.set(name, held === undefined ? record : mergeRecords(held, record));
    return supersedes(record.version, held?.version);
  }

  #putLocally(record: InspectionRecord, hintFor: string | undefined): { readonly changed: boolean } {
    const members = ['n1', 'n2', 'n3'];
    if (!members.includes(record.writerId)) {
      throw new StoreError('UNKNOWN_NODE', `writer "${record.writerId}" is not a member`);
    }
    if (record.wallMs > this.wallMs + 500) {
      throw new StoreError('CLOCK_SKEW', `the stamp lies ${record.wallMs - this.wallMs} ms ahead`);
    }
    if (hintFor !== undefined && !members.includes(hintFor)) {
      throw new StoreError('UNKNOWN_NODE', `hint target "${hintFor}" is not a member`);
    }
    if (hintFor !== undefined) {
      this.hinted.push({ target: hintFor, record });
      return { changed: true };
    }
    const { key, value, wallMs, counter, deleted, contentType, expiresAtMs } = record;
    const dot: Dot = { wallMs, counter, actor: `${record.writerId}.inspection` };
    const fields: VersionFields = {
      key,
      dot,
      value,
      tombstone: deleted,
      contentType: contentType ?? '',
      expiresAtMs: expiresAtMs ?? 0,
    };
    return { changed: this.#merge(encodeRecord(fields, crc32)) };
  }

  #keys(
    after: ScanCursor | undefined,
    limit: number,
  ): { readonly entries: readonly KeyEntry[]; readonly next: ScanCursor | undefined } {
    const names = [...this.records.keys()].sort().filter((name) => after === undefined || name > after);
    const entries = names.slice(0, limit).flatMap((name) => {
      const record = this.records.get(name);
      return record === undefined ? [] : [{ key: record.key, digest: record.version }];
    });
    return { entries, next: names.length > limit ? cursor(names[limit - 1] ?? '') : undefined };
  }
}

/** A name for a key of any bytes. */
function textOf(key: Uint8Array): string {
  return Buffer.from(key).toString('latin1');
}

function nodeId(text: string): NodeId {
  return text as NodeId;
}

function cursor(text: string): ScanCursor {
  return text as ScanCursor;
}
