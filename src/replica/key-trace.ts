/**
 * Why a key reads as it does: what each owner holds of it, what is on its way to whom, and how it came there.
 *
 * Every member is asked, since any of them may keep a hint. Each answers for its own disk; nothing is changed, and no
 * clock is compared. A node that is down, or silent until the deadline, is shown as such.
 */

import type { NodeId } from '../core/config.ts';
import { errorCodeOf, errorMessageOf } from '../core/errors.ts';
import { compareVersions } from '../core/merge.ts';
import type { StoredRecord, VersionDigest } from '../core/record.ts';
import { partitionOf, tokenOf, type Token } from '../core/token.ts';
import type { KeyTraceReply, TracedCopy } from '../protocol/key-trace-messages.ts';
import type { Store } from '../storage/store.ts';
import type { Coordination } from './coordination.ts';
import type { Evidence } from './evidence.ts';

export interface TracedNode {
  readonly id: NodeId;
  readonly role: 'owner' | 'fallback';
  readonly state: 'answered' | 'down' | 'silent' | 'refused';
  /** Why it did not answer; empty when it did. */
  readonly message: string;
  readonly answer: KeyTraceReply | undefined;
}

export interface KeyTrace {
  readonly token: Token;
  readonly partition: number;
  /** Owners first, in order of preference. */
  readonly nodes: readonly TracedNode[];
  /** The latest version among all copies and hints. */
  readonly newest: VersionDigest | undefined;
  /** Whether all owners answered and hold the newest, checksum and all, or nothing where there is none. */
  readonly isLevel: boolean;
  /** When the question was asked. */
  readonly wallMs: number;
}

export class KeyTracer {
  readonly #coordination: Coordination;
  readonly #store: Store;
  readonly #evidence: Evidence;

  constructor(options: {
    readonly coordination: Coordination;
    readonly store: Store;
    readonly evidence: Evidence;
  }) {
    this.#coordination = options.coordination;
    this.#store = options.store;
    this.#evidence = options.evidence;
  }

  /** What this node holds. Never throws for what can't be read. */
  async answer(key: Uint8Array): Promise<KeyTraceReply> {
    const token = tokenOf(key);
    const partition = partitionOf(token, this.#coordination.placement.partitions);
    const hints: { target: NodeId; copy: TracedCopy }[] = [];
    for (const { target } of this.#store.hints()) {
      const record = await this.#store.findHinted(key, token, target);
      if (record !== undefined) hints.push({ target, copy: this.#copyOf(record) });
    }
    const isWitness = this.#evidence.isComplete(partition);
    try {
      const record = await this.#store.get(key, token);
      const copy = record === undefined ? undefined : this.#copyOf(record);
      return { kind: 'key-trace', isWitness, failure: undefined, copy, hints };
    } catch (error) {
      return { kind: 'key-trace', isWitness, failure: errorCodeOf(error), copy: undefined, hints };
    }
  }

  /** Asks every member. Never rejects. */
  async trace(key: Uint8Array): Promise<KeyTrace> {
    const { placement, clock } = this.#coordination;
    const token = tokenOf(key);
    const partition = partitionOf(token, placement.partitions);
    const owners = placement.owners(partition);
    const wallMs = clock.wallNow();
    const nodes = await Promise.all([
      ...owners.map((id) => this.#ask(id, 'owner', key)),
      ...placement.fallbacks(partition).map((id) => this.#ask(id, 'fallback', key)),
    ]);
    const newest = newestOf(nodes);
    return { token, partition, nodes, newest, isLevel: isLevel(nodes, newest), wallMs };
  }

  async #ask(id: NodeId, role: TracedNode['role'], key: Uint8Array): Promise<TracedNode> {
    const { calls, config, isUp } = this.#coordination;
    const without = { id, role, answer: undefined } as const;
    try {
      if (id === config.id) {
        return { id, role, state: 'answered', message: '', answer: await this.answer(key) };
      }
      if (!isUp(id)) return { ...without, state: 'down', message: 'it has not been heard of lately' };
      const timeoutMs = config.timing.requestTimeoutMs;
      const result = await calls.askOne(id, { kind: 'trace-key', timeoutMs, key }, timeoutMs);
      switch (result.kind) {
        case 'key-trace':
          return { id, role, state: 'answered', message: '', answer: result };
        case 'refused':
          return { ...without, state: 'refused', message: `${result.code}: ${result.message}` };
        case 'unreachable':
          return { ...without, state: 'down', message: 'it cannot be reached' };
        default:
          return { ...without, state: 'silent', message: `no answer within ${timeoutMs} ms` };
      }
    } catch (error) {
      return { ...without, state: 'refused', message: errorMessageOf(error) };
    }
  }

  #copyOf({ token, version }: StoredRecord): TracedCopy {
    const { dot, expiresAtMs, tombstone, checksum, value } = version;
    return {
      digest: { dot, expiresAtMs, tombstone, checksum },
      valueBytes: value.length,
      arrival: this.#coordination.replica.arrivals.find({ token, time: dot, checksum }),
    };
  }
}

/** The latest version among all copies and hints. */
export function newestOf(nodes: readonly Pick<TracedNode, 'answer'>[]): VersionDigest | undefined {
  let newest: VersionDigest | undefined;
  for (const { answer } of nodes) {
    const copies = [answer?.copy, ...(answer?.hints ?? []).map(({ copy }) => copy)];
    for (const copy of copies) {
      if (copy === undefined) continue;
      if (newest === undefined || compareVersions(copy.digest, newest) > 0) newest = copy.digest;
    }
  }
  return newest;
}

/** Whether every owner is known to hold what the newest version says. */
export function isLevel(
  nodes: readonly Pick<TracedNode, 'role' | 'answer'>[],
  newest: VersionDigest | undefined,
): boolean {
  return nodes.every(({ role, answer }) => {
    if (role !== 'owner') return true;
    if (answer === undefined || answer.failure !== undefined) return false;
    if (newest === undefined) return answer.copy === undefined;
    return answer.copy !== undefined && compareVersions(answer.copy.digest, newest) === 0;
  });
}
