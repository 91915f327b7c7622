/**
 * Where any two quorums of a key's owners meet, and all of W, R and R again, a key is a linearizable register,
 * but for writes that were stamped below a version known before: those may be ordered earlier.
 *
 * Judged by zones (Gibbons and Korach 1997). Writes can't be overtaken when each names the newest version that
 * was shown of the key, or when all go through one node; then `stampsFollowTime` adds that none was.
 */

import { formatDot } from '../../core/dot.ts';
import type { Operation } from '../history.ts';
import { judgeByZones } from '../linearizability/judge-by-zones.ts';
import { KeyRegister } from '../linearizability/key-register.ts';
import { byKey, type BrokenPromise } from './broken-promise.ts';

const promise = 'keys-are-registers';

export function keysAreRegisters(evidence: {
  readonly history: readonly Operation[];
  /** Whether clients write such that every write is stamped above what was known before it. */
  readonly stampsFollowTime: boolean;
}): BrokenPromise[] {
  const broken: BrokenPromise[] = [];
  for (const [key, operations] of byKey(evidence.history)) {
    const register = new KeyRegister(operations);
    const overtaken = evidence.stampsFollowTime ? register.overtakenWrites()[0] : undefined;
    if (overtaken !== undefined) {
      const { id, dot, by } = overtaken;
      const message =
        `#${by.operation.id} (${by.operation.kind}) had shown ${formatDot(by.dot)}, and the later write #${id} was ` +
        `stamped ${formatDot(dot)}, which loses against it`;
      broken.push({ promise, key, message });
    }
    const verdict = judgeByZones(
      evidence.stampsFollowTime ? register.operations() : register.operationsOrderedByStamps(),
    );
    if (!verdict.linearizable) broken.push({ promise, key, message: verdict.message });
  }
  return broken;
}
