/**
 * What an operator, a load balancer and a monitor look at: `/health`, `/ready`, `/metrics` and `/debug/*`.
 *
 * The names of the Go demo are kept where it had the page, and others added. Everything is this
 * node's own view, read when it is asked for.
 */

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { NodeId } from '../core/config.ts';
import { StoreError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { FloorStatus, NodeApi } from '../replica/node-api.ts';
import type { StoreStatus } from '../storage/store.ts';
import { scrubJson } from './maintenance-json.ts';
import { antiEntropyJson } from './anti-entropy-json.ts';
import { prefersJson } from './error-reply.ts';
import { decodeBase64, keyFieldsOf } from './inspection-json.ts';
import { checkKeyLength, percentDecode } from './key-path.ts';
import { loadJson } from './load-json.ts';
import { metricsContentType, metricsText } from './metrics-text.ts';
import { whyJson } from './why-json.ts';

/** Where this node keeps its data, for `/debug/persist` and `/debug/hints`. */
export interface PersistencePaths {
  readonly log: string;
  readonly snapshot: string;
  readonly hints: string;
}

/** How peers speak with this node, for `/debug/peers`. */
export interface PeerTlsStatus {
  readonly mode: 'required' | 'optional';
  /** Wall time after which peers refuse this node's certificate. */
  readonly certificateExpiresMs: number;
  readonly isEncrypted: (peer: NodeId) => boolean;
}

export interface StatusOptions {
  readonly node: NodeApi;
  readonly paths: PersistencePaths;
  /** Undefined: without TLS. */
  readonly peerTls: (() => PeerTlsStatus) | undefined;
  /** What the parts beside the node count, such as its transport. */
  readonly partsCounters: () => Readonly<Record<string, number>>;
}

/** Adds the routes. */
export function addStatusRoutes(fastify: FastifyInstance, options: StatusOptions): void {
  const { node, paths, peerTls, partsCounters } = options;
  fastify.get('/health', (request, reply) => sendHealth(node, request, reply));
  fastify.get('/ready', (_request, reply) => {
    const readiness = node.readiness();
    return reply.code(readiness.ready ? 200 : 503).send(readiness);
  });
  fastify.get('/metrics', (_request, reply) => {
    const certificateExpiresMs = peerTls?.().certificateExpiresMs;
    reply.type(metricsContentType);
    return reply.send(metricsText({ node, partsCounters: partsCounters(), certificateExpiresMs }));
  });
  fastify.get('/debug/load', () => loadJson(node));
  fastify.get('/debug/hints', () => hintsJson(node, paths));
  fastify.get('/debug/ae', () => antiEntropyJson(node.antiEntropy()));
  fastify.get('/debug/floor', () => floorJson(node.floor()));
  fastify.get('/debug/persist', () => ({
    ...persistenceJson(node.storage(), paths),
    scrub: scrubJson(node.operator.scrubbing()),
  }));
  fastify.get('/debug/why', async (request) => {
    const key = keyOfQuery(request.raw.url ?? '');
    if (key === undefined) throw new StoreError('MISSING_KEY', 'missing key: /debug/why?key=…');
    return whyJson(key, await node.operator.why(key));
  });
  fastify.get('/debug/ring', (request) => ringJson(node, request.raw.url ?? ''));
  fastify.get('/debug/peers', () => peersJson(node, peerTls?.()));
}

function sendHealth(node: NodeApi, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const health = node.health();
  const json = prefersJson(request.headers.accept, false);
  reply.code(health.ok ? 200 : 503);
  if (json) return reply.send(health);
  reply.type('text/plain; charset=utf-8');
  return reply.send(health.ok ? 'ok' : `${health.code}: ${health.message}\n`);
}

function hintsJson(node: NodeApi, paths: PersistencePaths): Record<string, unknown> {
  const { count, bytes, targets, written, delivered, refused, lastError, ...others } = node.hints();
  return {
    count,
    bytes,
    targets: Object.fromEntries(targets.map((hint) => [hint.target, hint.count])),
    target_bytes: Object.fromEntries(targets.map((hint) => [hint.target, hint.bytes])),
    wal: paths.hints,
    written,
    delivered,
    refused,
    cancelled: others.cancelled,
    stale: others.stale,
    left_out: others.leftOut,
    full: others.full,
    bytes_max: limits.hintBytesMax,
    target_bytes_max: limits.hintBytesPerTargetMax,
    last_error: lastError,
  };
}

function persistenceJson(status: StoreStatus, paths: PersistencePaths): Record<string, unknown> {
  return {
    kv_snapshot: paths.snapshot,
    kv_wal: paths.log,
    // Snapshots follow the growth of the log; there is no tick.
    snapshot_tick: 0,
    wal_bytes: status.logBytes,
    wal_ops: status.logEntries,
    engine: status.engine,
    state: status.state,
    reason: status.reason,
    keys: status.keys,
    live_bytes: status.liveBytes,
    segments: status.segments,
    operations: status.operations,
    queued_bytes: status.queuedBytes,
    last_sync_ms: status.lastSyncWallMs ?? null,
    last_snapshot_ms: status.lastSnapshotWallMs ?? null,
    snapshot_bytes: status.snapshotBytes,
    compactions: status.compactions,
    compacted_bytes: status.compactedBytes,
    collected_keys: status.collectedKeys,
    collected_bytes: status.collectedBytes,
    floor_min_ms: status.floorMinMs,
    floor_max_ms: status.floorMaxMs,
    quarantined: status.quarantined,
    evidence_lost: status.evidenceLost !== false,
    evidence_lost_cause: status.evidenceLost === false ? null : status.evidenceLost,
  };
}

function floorJson(status: FloorStatus): Record<string, unknown> {
  return {
    promise_ms: status.promiseMs,
    strays_refused: status.straysRefused,
    strays_dropped: status.straysDropped,
    late_writes_refused: status.lateWritesRefused,
    collected_keys: status.collectedKeys,
    collected_bytes: status.collectedBytes,
    partitions: status.partitions.map(({ partition, floorMs, leader, reason }) => ({
      ...{ partition, floor_ms: floorMs, leader: leader ?? null, reason },
    })),
  };
}

function ringJson(node: NodeApi, url: string): Record<string, unknown> {
  const { epoch, partitions, quorum, partitionsPerNode } = node.ring();
  const key = keyOfQuery(url);
  return {
    epoch,
    partitions,
    quorum,
    partitions_per_node: Object.fromEntries(partitionsPerNode.map((row) => [row.id, row.partitions])),
    ...(key === undefined ? {} : { key: { ...keyFieldsOf(key), ...node.placementOf(key) } }),
  };
}

function peersJson(node: NodeApi, tls: PeerTlsStatus | undefined): Record<string, unknown> {
  return {
    id: node.id,
    incarnation: node.incarnation,
    tls: tls === undefined ? null : { mode: tls.mode, certificate_expires_ms: tls.certificateExpiresMs },
    peers: node.peers().map((peer) => ({
      id: peer.id,
      up: peer.up,
      encrypted: tls?.isEncrypted(peer.id) ?? false,
      suspect: peer.suspect,
      latency_ms: peer.latencyMs === undefined ? null : Number(peer.latencyMs.toFixed(3)),
      incarnation: peer.incarnation ?? null,
      silent_ms: peer.silentMs ?? null,
      hints_pending: peer.hintsPending,
    })),
  };
}

/** The key of `?key=` or `?key_base64=`, read from the raw query because keys need not be text. */
function keyOfQuery(url: string): Uint8Array | undefined {
  const mark = url.indexOf('?');
  if (mark < 0 || mark === url.length - 1) return undefined;
  const query = url.slice(mark + 1);
  const equals = query.indexOf('=');
  const name = query.slice(0, Math.max(equals, 0));
  const value = percentDecode(query.slice(equals + 1));
  if ((name !== 'key' && name !== 'key_base64') || query.includes('&')) {
    throw new StoreError('BAD_REQUEST', 'allowed is one query parameter, key or key_base64');
  }
  const key = name === 'key' ? value : decodeBase64(Buffer.from(value).toString('latin1'), 'key_base64');
  if (key.length === 0) throw new StoreError('MISSING_KEY', 'missing key');
  return checkKeyLength(key);
}
