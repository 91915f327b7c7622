/**
 * Inspection of this node's own disk (`/internal/*`): it answers for no other node, so that an operator, a
 * demo or a test sees what each replica really holds. A put from here goes through the same checks as one from a peer.
 */

import { isMember, type NodeConfig, type NodeId } from '../core/config.ts';
import type { Checksum } from '../core/crc32.ts';
import { StoreError } from '../core/errors.ts';
import { encodeRecord, type StoredRecord } from '../core/record.ts';
import { tokenOf } from '../core/token.ts';
import type { ScanCursor, Store } from '../storage/store.ts';
import type { InspectionRecord, KeyEntry, LocalInspection } from './node-api.ts';
import type { Replica } from './replica.ts';

export class NodeInspection implements LocalInspection {
  readonly #config: NodeConfig;
  readonly #store: Store;
  readonly #replica: Replica;
  readonly #checksum: Checksum;

  constructor(options: {
    readonly config: NodeConfig;
    readonly store: Store;
    readonly replica: Replica;
    readonly checksum: Checksum;
  }) {
    this.#config = options.config;
    this.#store = options.store;
    this.#replica = options.replica;
    this.#checksum = options.checksum;
  }

  async get(key: Uint8Array): Promise<StoredRecord | undefined> {
    return await this.#store.get(key, tokenOf(key));
  }

  async put(fields: InspectionRecord, hintFor?: string): Promise<{ readonly changed: boolean }> {
    // Only members write: every other name would stay in the actor table for ever.
    const writer = this.#memberNamed(fields.writerId, 'writer_id');
    const target = hintFor === undefined ? undefined : this.#memberNamed(hintFor, 'hint_for');
    const record = encodeRecord(
      {
        key: fields.key,
        value: fields.deleted ? new Uint8Array(0) : fields.value,
        dot: { wallMs: fields.wallMs, counter: fields.counter, actor: writer },
        tombstone: fields.deleted,
        contentType: fields.contentType ?? '',
        expiresAtMs: fields.expiresAtMs ?? 0,
      },
      this.#checksum,
    );
    this.#replica.check(record, target);
    if (target !== undefined) {
      await this.#replica.store(record, target, 0);
      return { changed: true };
    }
    const { changed } = await this.#store.merge(record);
    if (changed)
      this.#replica.noteArrival(record, this.#replica.arrivals.originOf('inspection', this.#config.id));
    return { changed };
  }

  async keys(options: {
    readonly after?: ScanCursor | undefined;
    readonly limit: number;
  }): Promise<{ readonly entries: readonly KeyEntry[]; readonly next: ScanCursor | undefined }> {
    const page = await this.#store.scan(options);
    return { entries: page.entries.map(({ key, digest }) => ({ key, digest })), next: page.next };
  }

  #memberNamed(id: string, field: string): NodeId {
    if (isMember(this.#config, id)) return id;
    const members = this.#config.members.map((member) => member.id).join(', ');
    throw new StoreError('UNKNOWN_NODE', `${field} "${id}" is no member of this cluster (${members})`);
  }
}
