/**
 * `/metrics`: what a node counts, and what it has under way, in Prometheus' text format 0.0.4.
 *
 * All counters are one family, by the names that the code gives them; a counter that has not counted yet is absent.
 */

import type { NodeApi } from '../replica/node-api.ts';

export const metricsContentType = 'text/plain; version=0.0.4; charset=utf-8';

export interface MetricsSources {
  readonly node: NodeApi;
  /** What the parts beside the node count, such as its transport. */
  readonly partsCounters: Readonly<Record<string, number>>;
  /** Wall time after which peers refuse this node's certificate, where it has one. */
  readonly certificateExpiresMs: number | undefined;
}

export function metricsText({ node, partsCounters, certificateExpiresMs }: MetricsSources): string {
  const { limit, inFlight, queued, oldestMs, averageMs } = node.admission();
  const gauges: readonly (readonly [name: string, help: string, value: number | undefined])[] = [
    ['admission_limit', 'Client requests that may be under way.', limit],
    ['admission_in_flight', 'Client requests under way.', inFlight],
    ['admission_queued', 'Client requests that wait for their turn.', queued],
    ['admission_queue_age_seconds', 'How long the oldest of them has waited.', oldestMs / 1_000],
    [
      'admission_latency_seconds',
      'What client requests took on average in the latest window.',
      averageMs === undefined ? undefined : averageMs / 1_000,
    ],
    [
      'peer_certificate_expires_timestamp_seconds',
      "When peers begin to refuse this node's certificate.",
      certificateExpiresMs === undefined ? undefined : certificateExpiresMs / 1_000,
    ],
  ];
  let text = '';
  for (const [name, help, value] of gauges) {
    if (value === undefined) continue;
    text += `# HELP mini_dynamo_${name} ${help}\n# TYPE mini_dynamo_${name} gauge\nmini_dynamo_${name} ${value}\n`;
  }
  text += '# HELP mini_dynamo_events_total What has happened since the start, by its name.\n';
  text += '# TYPE mini_dynamo_events_total counter\n';
  for (const [name, value] of Object.entries({ ...partsCounters, ...node.counters() }).sort(
    ([left], [right]) => (left < right ? -1 : 1),
  )) {
    text += `mini_dynamo_events_total{event="${name}"} ${value}\n`;
  }
  return text;
}
