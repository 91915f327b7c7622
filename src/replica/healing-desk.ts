/**
 * What peers ask for on behalf of anti-entropy, or of an operator, put before whoever answers it: trees, the task that
 * heals this node, or what it knows of one key; and what heartbeats carry beside being signs of life.
 */

import type { NodeId } from '../core/config.ts';
import { errorCodeOf, errorMessageOf } from '../core/errors.ts';
import type { VersionSum } from '../core/version-sum.ts';
import type { Observer } from '../ports/observer.ts';
import type { PeerIdentity } from '../ports/transport.ts';
import type { HealingRequest } from '../protocol/healing-messages.ts';
import type { Ping, Reply } from '../protocol/messages.ts';
import type { Store } from '../storage/store.ts';
import type { AntiEntropy } from './anti-entropy.ts';
import type { KeyTracer } from './key-trace.ts';
import type { TreeResponder } from './tree-responder.ts';

/** Told how far the log of a life of a peer has come. */
export type OnPeerLog = (peer: PeerIdentity, logEntries: number) => void;

export interface HealingDeskOptions {
  readonly antiEntropy: AntiEntropy;
  readonly trees: TreeResponder;
  readonly tracer: Pick<KeyTracer, 'answer'>;
  readonly store: Pick<Store, 'status'>;
  readonly observer: Observer;
  readonly onPeerLog: OnPeerLog;
}

export class HealingDesk {
  readonly #options: HealingDeskOptions;
  readonly #antiEntropy: AntiEntropy;

  constructor(options: HealingDeskOptions) {
    this.#options = options;
    this.#antiEntropy = options.antiEntropy;
  }

  /** Takes the sum of a heartbeat, and how far the peer's log has come, and gives this node's own sum. */
  onPing(from: PeerIdentity, ping: Ping): Reply {
    this.#options.onPeerLog(from, ping.logEntries);
    if (ping.sharedSum !== undefined) this.onSharedSum(from.id, ping.sharedSum);
    const sharedSum = this.#antiEntropy.sharedSum(from.id);
    return sharedSum === undefined ? { kind: 'pong' } : { kind: 'pong', sharedSum };
  }

  /** The heartbeat for a peer. */
  pingFor(peer: NodeId): Ping {
    const { logEntries } = this.#options.store.status();
    const sharedSum = this.#antiEntropy.sharedSum(peer);
    return sharedSum === undefined ? { kind: 'ping', logEntries } : { kind: 'ping', logEntries, sharedSum };
  }

  onSharedSum(from: NodeId, theirs: VersionSum): void {
    this.#antiEntropy.onSharedSum(from, theirs);
  }

  /** Never throws. */
  async answer(from: NodeId, request: HealingRequest): Promise<Reply> {
    try {
      if (request.kind === 'compare-now') return this.#antiEntropy.onCompareNow(from, request);
      if (request.kind === 'trace-key') return await this.#options.tracer.answer(request.key);
      return await this.#options.trees.answer(request);
    } catch (error) {
      const code = errorCodeOf(error);
      const { observer } = this.#options;
      observer.count(`refused.${code}`);
      observer.log('warn', 'anti-entropy.refused', errorMessageOf(error), { code, peer: from });
      return { kind: 'refused', code, message: errorMessageOf(error) };
    }
  }
}
