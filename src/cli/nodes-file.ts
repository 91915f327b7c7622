/**
 * `nodes.json`: the members of a cluster and the settings that they share, checked before anything starts.
 *
 * Strict on purpose: a misspelt field that is ignored is a setting that silently does not hold, and two
 * nodes that read different quorums lose writes. Every problem is reported at once, each with the file,
 * the field, the value it has and what is allowed. The schema is the Go demo's (`nodes[].id`, `nodes[].addr`,
 * `vnodes`, `n`, `r`, `w`) with optional fields added.
 */

import { readFile, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

import { defaultClusterName, defaultScrubMs, defaultVnodes, partitionsFor } from '../core/config.ts';
import { errorMessageOf, StoreError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { ClusterSettings, PeerTlsSettings } from './cluster-settings.ts';
import { contradictionsOf, quorumOf, timingOf, warningsOf } from './nodes-checks.ts';
import { checkShape, type NodesFile } from './nodes-schema.ts';
import { membersOf } from './worker-members.ts';

/** Reads and checks a file; throws `CONFIG_INVALID` with every problem found. */
export async function readNodesFile(path: string): Promise<ClusterSettings> {
  let text: string;
  try {
    const { size } = await stat(path);
    if (size > limits.nodesFileBytesMax) {
      throw new Error(`it has ${size} bytes, and at most ${limits.nodesFileBytesMax} are allowed`);
    }
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new StoreError('CONFIG_INVALID', `${path} cannot be read: ${errorMessageOf(error)}\n${fileHint}`, {
      cause: error,
    });
  }
  return parseNodesFile(text, path);
}

/** Checks the text of a nodes file; `path` is only for messages. Throws `CONFIG_INVALID`. */
export function parseNodesFile(text: string, path: string): ClusterSettings {
  let raw: unknown;
  try {
    raw = JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch (error) {
    throw new StoreError('CONFIG_INVALID', `${path} is not JSON: ${errorMessageOf(error)}`, { cause: error });
  }
  const shape = checkShape(raw);
  if (!shape.ok) throw refusal(path, shape.problems);
  const contradictions = contradictionsOf(shape.file);
  if (contradictions.length > 0) throw refusal(path, contradictions);
  return settingsOf(shape.file, path);
}

const fileHint =
  'A cluster of three on this machine: {"nodes":[{"id":"n1","addr":"127.0.0.1:9001"},' +
  '{"id":"n2","addr":"127.0.0.1:9002"},{"id":"n3","addr":"127.0.0.1:9003"}],"vnodes":64,"n":3,"r":2,"w":2}';

function settingsOf(file: NodesFile, path: string): ClusterSettings {
  return {
    path,
    clusterName: file.clusterName ?? defaultClusterName,
    nodes: membersOf(file.nodes),
    // Of the nodes, not of their workers: their number then stays when workers are added.
    partitions: file.partitions ?? partitionsFor(file.nodes.length, file.vnodes ?? defaultVnodes),
    quorum: quorumOf(file),
    quorumMode: file.quorumMode ?? 'sloppy',
    valueBytesMax: file.valueBytesMax ?? limits.valueBytesDefault,
    timing: timingOf(file),
    antiEntropy: file.antiEntropy ?? true,
    hintedHandoff: file.hintedHandoff ?? true,
    scrubMs: file.scrubDays === undefined ? defaultScrubMs : Math.round(file.scrubDays * 86_400_000),
    engine: file.engine ?? 'log',
    durability: file.durability ?? { mode: 'always' },
    peerTls: peerTlsOf(file, path),
    warnings: warningsOf(file).map((warning) => `${path}: ${warning}`),
  };
}

/** Paths are as seen from the folder of the nodes file, wherever the command was called. */
function peerTlsOf({ peerTls }: NodesFile, path: string): PeerTlsSettings | undefined {
  if (peerTls === undefined) return undefined;
  const at = (file: string): string => resolve(dirname(path), file);
  return {
    ca: at(peerTls.ca),
    cert: at(peerTls.cert),
    key: at(peerTls.key),
    mode: peerTls.mode ?? 'required',
  };
}

function refusal(path: string, problems: readonly string[]): StoreError {
  return new StoreError('CONFIG_INVALID', problems.map((problem) => `${path}: ${problem}`).join('\n'));
}
