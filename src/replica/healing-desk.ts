/**
 * What peers ask for on behalf of anti-entropy, or of an operator, put before whoever answers it: trees, the task that
 * heals this node, or what it knows of one key.
 */

import type { NodeId } from '../core/config.ts';
import { errorCodeOf, errorMessageOf } from '../core/errors.ts';
import type { VersionSum } from '../core/version-sum.ts';
import type { Observer } from '../ports/observer.ts';
import type { HealingRequest } from '../protocol/healing-messages.ts';
import type { Ping, Reply } from '../protocol/messages.ts';
import type { AntiEntropy } from './anti-entropy.ts';
import type { KeyTracer } from './key-trace.ts';
import type { TreeResponder } from './tree-responder.ts';

export class HealingDesk {
  readonly #antiEntropy: AntiEntropy;
  readonly #trees: TreeResponder;
  readonly #tracer: Pick<KeyTracer, 'answer'>;
  readonly #observer: Observer;

  constructor(options: {
    readonly antiEntropy: AntiEntropy;
    readonly trees: TreeResponder;
    readonly tracer: Pick<KeyTracer, 'answer'>;
    readonly observer: Observer;
  }) {
    this.#antiEntropy = options.antiEntropy;
    this.#trees = options.trees;
    this.#tracer = options.tracer;
    this.#observer = options.observer;
  }

  /** Takes the sum of a heartbeat and gives this node's own. */
  onPing(from: NodeId, ping: Ping): Reply {
    if (ping.sharedSum !== undefined) this.onSharedSum(from, ping.sharedSum);
    const sharedSum = this.#antiEntropy.sharedSum(from);
    return sharedSum === undefined ? { kind: 'pong' } : { kind: 'pong', sharedSum };
  }

  /** The heartbeat for a peer. */
  pingFor(peer: NodeId): Ping {
    const sharedSum = this.#antiEntropy.sharedSum(peer);
    return sharedSum === undefined ? { kind: 'ping' } : { kind: 'ping', sharedSum };
  }

  onSharedSum(from: NodeId, theirs: VersionSum): void {
    this.#antiEntropy.onSharedSum(from, theirs);
  }

  /** Never throws. */
  async answer(from: NodeId, request: HealingRequest): Promise<Reply> {
    try {
      if (request.kind === 'compare-now') return this.#antiEntropy.onCompareNow(from, request);
      if (request.kind === 'trace-key') return await this.#tracer.answer(request.key);
      return await this.#trees.answer(request);
    } catch (error) {
      const code = errorCodeOf(error);
      this.#observer.count(`refused.${code}`);
      this.#observer.log('warn', 'anti-entropy.refused', errorMessageOf(error), { code, peer: from });
      return { kind: 'refused', code, message: errorMessageOf(error) };
    }
  }
}
