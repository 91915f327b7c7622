/**
 * Promise 4: a write whose client names the version it has seen is stamped later than that version,
 * whatever the clocks say.
 */

import { compareDots, formatDot } from '../../core/dot.ts';
import { isWrite, mintedDot, type Operation } from '../history.ts';
import type { BrokenPromise } from './broken-promise.ts';

export function causallyLaterWins(evidence: { readonly history: readonly Operation[] }): BrokenPromise[] {
  const broken: BrokenPromise[] = [];
  for (const write of evidence.history) {
    const dot = mintedDot(write);
    if (!isWrite(write) || dot === undefined || write.context === undefined) continue;
    if (compareDots(dot, write.context) > 0) continue;
    const message =
      `#${write.id} followed ${formatDot(write.context)} and was stamped ${formatDot(dot)} by ${write.node}, ` +
      'which loses against it';
    broken.push({ promise: 'causally-later-wins', key: write.key, message });
  }
  return broken;
}
