/** `/debug/load`: how many client requests are under way and wait, how many may, and what was refused. */

import type { NodeApi } from '../replica/node-api.ts';

export function loadJson(node: NodeApi): Record<string, unknown> {
  const { limit, inFlight, queued, oldestMs, averageMs, usualMs, targetMs } = node.admission();
  const counters = node.counters();
  const counted = (name: string): number => counters[name] ?? 0;
  return {
    limit,
    in_flight: inFlight,
    queued,
    oldest_ms: rounded(oldestMs),
    crowded: node.isCrowded,
    average_ms: rounded(averageMs),
    usual_ms: rounded(usualMs),
    target_ms: rounded(targetMs),
    queued_total: counted('admission.queued'),
    refused_late: counted('admission.refused.late'),
    refused_full: counted('admission.refused.full'),
    dropped: counted('admission.dropped'),
    expired: counted('requests.expired'),
  };
}

function rounded(ms: number | undefined): number | null {
  return ms === undefined ? null : Number(ms.toFixed(3));
}
