/**
 * The text of `INFO`: figures of this node, in the sections and under the names of Redis where it has them.
 *
 * Nothing is made up: what Redis shows and this store does not have is left out.
 */

import { redisVersion } from './redis-version.ts';
import type { Session } from './session.ts';

type Section = readonly (readonly [string, string | number])[];

/** The sections that were asked for, or all. */
export function infoText(session: Session, wanted: readonly string[]): string {
  const all = wanted.length === 0 || wanted.some((name) => /^(?:all|default|everything)$/.test(name));
  const sections = Object.entries(sectionsOf(session))
    .filter(([name]) => all || wanted.includes(name.toLowerCase()))
    .map(
      ([name, fields]) => `# ${name}\r\n${fields.map(([field, value]) => `${field}:${value}\r\n`).join('')}`,
    );
  return sections.join('\r\n');
}

function sectionsOf(session: Session): Readonly<Record<string, Section>> {
  const { server, node } = session;
  const { figures } = server;
  const ring = node.ring();
  const storage = node.storage();
  const readiness = node.readiness();
  const uptimeSeconds = Math.max(0, Math.floor((server.wallNow() - server.startedAtMs) / 1_000));
  return {
    Server: [
      ['redis_version', redisVersion],
      ['server_name', 'mini-dynamo'],
      ['mini_dynamo_version', server.version],
      ['redis_mode', 'standalone'],
      ['process_id', process.pid],
      ['node_id', node.id],
      ['node_incarnation', node.incarnation],
      ['uptime_in_seconds', uptimeSeconds],
      ['uptime_in_days', Math.floor(uptimeSeconds / 86_400)],
    ],
    Clients: [
      ['connected_clients', server.sessions.size],
      ['clients_request_bytes', figures.requestBytes],
      ['clients_reply_bytes', figures.replyBytes],
    ],
    Memory: [['used_memory_rss', process.memoryUsage.rss()]],
    Persistence: [
      // What clients look at before they send anything.
      ['loading', 0],
      ['aof_enabled', 1],
      ['storage_engine', storage.engine],
      ['storage_state', storage.state],
      ['storage_bytes', storage.logBytes],
    ],
    Stats: [
      ['total_connections_received', figures.connectionsReceived],
      ['total_commands_processed', figures.commandsProcessed],
    ],
    Replication: [
      // Every node takes writes.
      ['role', 'master'],
      ['connected_slaves', 0],
      ['quorum_n', ring.quorum.n],
      ['quorum_r', ring.quorum.r],
      ['quorum_w', ring.quorum.w],
      ['quorum_read_ready', readiness.read ? 1 : 0],
      ['quorum_write_ready', readiness.write ? 1 : 0],
      ['peers_up', node.peers().filter((peer) => peer.up).length],
    ],
    Keyspace: [
      // Deleted keys included, as long as their tombstones are kept; this node's alone.
      ['keys_on_this_node', storage.keys],
    ],
  };
}
