/**
 * Lets the lives of peers in, and finds out whether this node's own disk was lost, set back or copied.
 *
 * - Each peer is judged by the latest life of it that is remembered, and by how far it was heard that the log of that
 *   life had come (`core/node-life.ts`).
 * - A peer that refuses this life although it never let it in knows a life that this disk does not: the disk
 *   was rolled back. The node must begin another life as a new actor, without evidence (`onRolledBack`).
 * - A peer that refuses this life after it had let it in met another since: a second process has taken
 *   this node's id. So has one that stays present for longer than a dead one could. Two that take turns would
 *   refuse each other for ever, so the one that is refused ends (`onIdInUse`).
 *
 * Nothing loops: the life that a node begins has a greater incarnation than its own and than the one that is known,
 * under a generation that began with it, so what was heard of its former log is held against it no more. Peers that
 * know different lives are each passed once.
 */

import type { NodeId } from '../core/config.ts';
import { limits } from '../core/limits.ts';
import {
  describeKnownLife,
  describeLife,
  judgeLife,
  type LoggedLife,
  type NodeLife,
} from '../core/node-life.ts';
import type { Admission, Introduction, LifeRefusal, PeerIdentity } from '../ports/transport.ts';

/** Where lives are remembered; `storage/known-peers.ts` keeps them over restarts. */
export interface LifeMemory {
  known(peer: NodeId): LoggedLife | undefined;
  /** Undefined when nothing has to be waited for. Never rejects. */
  remember(peer: NodeId, life: LoggedLife): Promise<void> | undefined;
  /** The log of a life of a peer has so many durable entries by now. `nowMs`: of the monotonic clock. */
  logReached(peer: PeerIdentity, entries: number, nowMs: number): void;
}

/** Told at most once in all, by whichever comes first. */
export interface OwnLifeEvents {
  /** The life that the peer knows; this node's next one must come after it. */
  onRolledBack(by: NodeId, known: NodeLife): void;
  onIdInUse(reason: string): void;
}

export interface LifeAdmissionOptions {
  readonly self: Introduction;
  readonly memory: LifeMemory;
  readonly events: OwnLifeEvents;
  readonly monotonicNow: () => number;
}

export class LifeAdmission implements Admission {
  readonly #options: LifeAdmissionOptions | undefined;
  readonly #memory: LifeMemory;
  readonly #welcomedBy = new Set<NodeId>();
  /** When each peer first said that this node's id is in use. */
  readonly #inUseSinceMs = new Map<NodeId, number>();
  #hasTold = false;

  /** Without options it remembers lives while it lasts, and tells nobody how this node is taken. */
  constructor(options?: LifeAdmissionOptions) {
    this.#options = options;
    this.#memory = options?.memory ?? new ShortMemory();
  }

  judge(peer: Introduction, isPresent: (known: NodeLife) => boolean): LifeRefusal | undefined {
    const known = this.#memory.known(peer.id);
    if (known === undefined) return undefined;
    const verdict = judgeLife(peer, known, isPresent(known));
    if (verdict === 'welcome') return undefined;
    return { code: verdict === 'rolled-back' ? 'ROLLED_BACK' : 'ID_IN_USE', known };
  }

  remember(peer: Introduction): Promise<void> | undefined {
    return this.#memory.remember(peer.id, peer);
  }

  /** A heartbeat of a peer says how many durable entries its log has. */
  logReached(peer: PeerIdentity, entries: number): void {
    this.#memory.logReached(peer, entries, this.#options?.monotonicNow() ?? 0);
  }

  welcomedBy(peer: NodeId): void {
    this.#welcomedBy.add(peer);
    this.#inUseSinceMs.delete(peer);
  }

  refusedBy(peer: NodeId, { code, known }: LifeRefusal): void {
    if (this.#options === undefined || this.#hasTold) return;
    const { events, self } = this.#options;
    const isTaken = this.#welcomedBy.has(peer) || (code === 'ID_IN_USE' && this.#isInUseForLong(peer));
    if (isTaken) {
      this.#hasTold = true;
      events.onIdInUse(
        `another process runs as ${self.id}: this one is ${describeLife(self)}, and ${peer} has met ` +
          `${describeKnownLife(known, self)}. Each node needs an id and a data directory of its own, and a copy of a data ` +
          'directory must not run beside the original',
      );
    } else if (code === 'ROLLED_BACK') {
      this.#hasTold = true;
      events.onRolledBack(peer, known);
    }
  }

  /** A process that died is present to its peers for a few seconds; one that is refused for longer has a twin. */
  #isInUseForLong(peer: NodeId): boolean {
    const nowMs = this.#options?.monotonicNow() ?? 0;
    const sinceMs = this.#inUseSinceMs.get(peer) ?? nowMs;
    this.#inUseSinceMs.set(peer, sinceMs);
    return nowMs - sinceMs >= limits.idInUseGraceMs;
  }
}

class ShortMemory implements LifeMemory {
  readonly #lives = new Map<NodeId, LoggedLife>();

  known(peer: NodeId): LoggedLife | undefined {
    return this.#lives.get(peer);
  }

  remember(peer: NodeId, { incarnation, life, log }: LoggedLife): undefined {
    this.#lives.set(peer, { incarnation, life, log });
  }

  logReached(): void {}
}
