/** The `Admission` of the transports under contract: it keeps what it is told, and remembers as slowly as a test likes. */

import type { NodeId } from '../core/config.ts';
import { isSameLife, judgeLife, type LoggedLife } from '../core/node-life.ts';
import type { Admission, Introduction, LifeRefusal } from './transport.ts';

export class RecordingAdmission implements Admission {
  /** What peers said that do not let this node's life in, each once: `n2 knows 7.1: ROLLED_BACK`. */
  readonly refusals: string[] = [];
  /** Called back at each of them, the same ones too. */
  onRefused: () => void = () => {};
  /** Resolves when the life of a peer is kept; at once by default. */
  keep: ((peer: NodeId) => Promise<void>) | undefined;
  readonly #lives = new Map<NodeId, LoggedLife>();

  known(peer: NodeId): LoggedLife | undefined {
    return this.#lives.get(peer);
  }

  judge(peer: Introduction, isPresent: (known: LoggedLife) => boolean): LifeRefusal | undefined {
    const known = this.#lives.get(peer.id);
    if (known === undefined) return undefined;
    const verdict = judgeLife(peer, known, isPresent(known));
    if (verdict === 'welcome') return undefined;
    return { code: verdict === 'rolled-back' ? 'ROLLED_BACK' : 'ID_IN_USE', known };
  }

  remember({ id, incarnation, life, log }: Introduction): Promise<void> | undefined {
    const known = this.#lives.get(id);
    if (known !== undefined && isSameLife(known, { incarnation, life })) return undefined;
    this.#lives.set(id, { incarnation, life, log });
    return this.keep?.(id);
  }

  welcomedBy(): void {}

  refusedBy(peer: NodeId, { code, known }: LifeRefusal): void {
    const refusal = `${peer} knows ${known.incarnation}.${known.life}: ${code}`;
    if (!this.refusals.includes(refusal)) this.refusals.push(refusal);
    this.onRefused();
  }
}
