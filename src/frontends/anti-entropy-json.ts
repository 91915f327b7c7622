/**
 * `/debug/ae`: the names of the Go demo first, then what each other owner and this node's own evidence look like.
 */

import type { AntiEntropyStatus, OwnerStatus } from '../replica/anti-entropy-status.ts';

export function antiEntropyJson(status: AntiEntropyStatus): Record<string, unknown> {
  const { isEnabled, intervalMs, evidence, lastRound, owners, hygiene } = status;
  const total = (count: (owner: OwnerStatus) => number): number =>
    owners.reduce((sum, owner) => sum + count(owner), 0);
  return {
    enabled: isEnabled,
    interval_ms: intervalMs,
    // Partitions: keys are never compared one by one where nothing differs.
    last_compared: lastRound?.compared ?? 0,
    last_dur_ms: Math.round(lastRound?.tookMs ?? 0),
    last_error: lastRound?.error ?? '',
    last_peer: lastRound?.peer ?? '',
    last_pulled: lastRound?.fetched ?? 0,
    last_run_unix: Math.floor((lastRound?.atWallMs ?? 0) / 1_000),
    // All that differs is fetched, at the pace that clients leave room for.
    max_per_tick: 0,
    total_errors: total((owner) => owner.errors),
    total_pulled: total((owner) => owner.fetched),
    level: owners.every((owner) => owner.isEqual),
    evidence: {
      complete: evidence === undefined,
      cause: evidence?.cause ?? null,
      incomplete_partitions: evidence?.incompletePartitions ?? 0,
    },
    owners: owners.map(ownerJson),
    foreign: {
      partitions: hygiene.foreignPartitions,
      records: hygiene.foreignRecords,
      handed_over: hygiene.handedOver,
      last_error: hygiene.lastError,
    },
  };
}

function ownerJson(owner: OwnerStatus): Record<string, unknown> {
  return {
    id: owner.peer,
    partitions: owner.partitions,
    level: owner.isEqual,
    last_compared_ms: rounded(owner.lastComparedMs),
    unfinished: owner.unfinished,
    ahead: owner.ahead,
    rounds: owner.rounds,
    errors: owner.errors,
    last_error: owner.lastError,
    pulled: owner.fetched,
    refused: owner.refused,
    sent_bytes: owner.sentBytes,
    received_bytes: owner.receivedBytes,
    different: owner.different.map(({ partition, state, lastComparedMs }) => ({
      partition,
      state,
      last_compared_ms: rounded(lastComparedMs),
    })),
  };
}

function rounded(milliseconds: number | undefined): number | null {
  return milliseconds === undefined ? null : Math.round(milliseconds);
}
