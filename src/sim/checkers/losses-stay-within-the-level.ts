/**
 * The weaker durability levels lose what they say and no more: `interval` and `never` lose by power cuts alone, and
 * `interval` at most what was written in the interval before one.
 *
 * A simulated disk knows since when something was not durable, so it is certain what a cut was able to take. A
 * write is excused only when W nodes or more lost power while they may have held it unsynced: fewer leave a holder.
 */

import type { Durability } from '../../core/config.ts';
import type { WriteOperation } from '../history.ts';
import type { PowerLoss } from '../power-loss.ts';
import type { BrokenPromise } from './broken-promise.ts';

const promise = 'losses-stay-within-the-level';

/**
 * Whether power cuts, and the disks of `frail` nodes that lose even what is durable, may have taken a write from as
 * many nodes as acknowledged it.
 */
export function mayBeLostToPower(
  write: WriteOperation,
  powerLosses: readonly PowerLoss[],
  frail: ReadonlySet<string> = new Set(),
): boolean {
  const outcome = write.end?.outcome;
  if (write.end === undefined || outcome?.kind !== 'stored') return true;
  const { micros } = write.end;
  const struck = powerLosses.filter(
    ({ atMicros, durableToMicros }) => atMicros >= write.startMicros && durableToMicros <= micros,
  );
  return new Set([...frail, ...struck.map(({ node }) => node)]).size >= outcome.required;
}

export function lossesStayWithinTheLevel(evidence: {
  readonly durability: Durability;
  readonly powerLosses: readonly PowerLoss[];
  /** How much later than its time a sync may end: timers are late, disks slow, processes paused. */
  readonly slackMicros: number;
}): BrokenPromise[] {
  const { durability, powerLosses, slackMicros } = evidence;
  // At `always` nothing that is not synced was acknowledged, and `never` sets no bound.
  if (durability.mode !== 'interval') return [];
  const { intervalMs } = durability;
  const broken: BrokenPromise[] = [];
  for (const { node, atMicros, durableToMicros, servingSinceMicros } of powerLosses) {
    // What a process that ended had not synced waits for the next one, however long that takes.
    if (servingSinceMicros === undefined || servingSinceMicros > durableToMicros) continue;
    const unsyncedMs = (atMicros - durableToMicros) / 1_000;
    if (unsyncedMs <= intervalMs + slackMicros / 1_000) continue;
    const message = `${node} lost power with ${Math.round(unsyncedMs)} ms of its log not synced; the level allows ${intervalMs} ms`;
    broken.push({ promise, key: undefined, message });
  }
  return broken;
}
