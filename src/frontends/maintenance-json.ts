/** How far a repair, a scrub or a compaction is, as JSON. */

import type { RepairReport } from '../replica/anti-entropy-status.ts';
import type { ScrubStatus } from '../replica/scrub-loop.ts';
import type { ScrubReport } from '../storage/store.ts';
import type { MaintenanceJob } from './maintenance-job.ts';

export function jobJson<Report>(
  job: MaintenanceJob<Report>,
  reportJson: (report: Report) => Record<string, unknown>,
): Record<string, unknown> {
  const { number, state, error, report } = job;
  return { number, state, error, ...(report === undefined ? {} : reportJson(report)) };
}

/** How far a repair is with each other owner. */
export function repairJson(report: RepairReport): Record<string, unknown> {
  return {
    ok: report.peers.every((peer) => peer.state === 'done'),
    peers: report.peers.map(({ peer, partitions, state, fetched, sent, error }) => ({
      ...{ id: peer, partitions, state, pulled: fetched, pushed: sent, error },
    })),
  };
}

export function scrubReportJson(report: ScrubReport): Record<string, unknown> {
  const { records, bytes, corrupt, sumMismatches } = report;
  return { records, bytes, corrupt, sum_mismatches: sumMismatches };
}

/** The scrubs of a node, under `/debug/persist`. */
export function scrubJson({ periodMs, newest, completed }: ScrubStatus): Record<string, unknown> {
  const base = { days: periodMs / 86_400_000, completed };
  if (newest === undefined) return { ...base, state: 'idle' };
  return {
    ...base,
    state: newest.state,
    asked: newest.asked,
    started_ms: newest.startedAtWallMs,
    took_ms: Math.round(newest.tookMs),
    error: newest.error,
    ...scrubReportJson(newest.report),
  };
}
