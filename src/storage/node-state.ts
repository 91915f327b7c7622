/**
 * `node-state.json`: what a node must know about itself before it may speak, in one small file.
 *
 * It binds the data directory to one node of one cluster, and carries what must never go backwards:
 * the incarnation and the bound of the clock. Saving replaces the file atomically (write aside, sync,
 * rename, sync the folder), so a crash leaves the old content or the new one. A file that is not
 * what was written is an error for the operator, never a fresh start: a node that forgot who it is
 * could mint a dot twice.
 *
 *   {"format":1,"crc":"<8 hex digits>","state":{…}}      crc: CRC-32 of the state as JSON, in field order
 */

import { isNodeId, type NodeId } from '../core/config.ts';
import { crc32 } from '../core/crc32.ts';
import { StoreError } from '../core/errors.ts';
import { wallMsMax } from '../core/hybrid-logical-clock.ts';
import { limits } from '../core/limits.ts';
import { incarnationMax } from '../core/node-life.ts';
import type { Disk } from '../ports/disk.ts';

export interface NodeState {
  readonly nodeId: NodeId;
  readonly clusterName: string;
  readonly partitions: number;
  /** Names the life of this data directory: drawn when it was made, part of every actor. */
  readonly generation: string;
  /** The incarnation that began the generation, when peers knew an earlier one; 0 for the first. */
  readonly generationSince: number;
  /** Counts the starts of the node on this data directory. */
  readonly incarnation: number;
  /** The clock has never read past this, and starts no lower after a restart. */
  readonly clockBoundWallMs: number;
}

export const nodeStatePath = 'node-state.json';
const temporaryPath = 'node-state.json.tmp';
const dataDirectory = '';
const format = 1;

/** Reads the state; undefined when there is none yet. Throws `LOG_CORRUPT` or `FORMAT_UNSUPPORTED`. */
export async function loadNodeState(disk: Disk): Promise<NodeState | undefined> {
  const names = await disk.list(dataDirectory);
  if (!names.some((entry) => entry.name === nodeStatePath)) return undefined;
  const file = await disk.open(nodeStatePath, 'read');
  try {
    const length = await file.size();
    if (length > limits.nodeStateBytesMax) throw damaged(`it has ${length} bytes`);
    const bytes = new Uint8Array(length);
    const read = await file.read(bytes, 0);
    return parseState(new TextDecoder().decode(bytes.subarray(0, read)));
  } finally {
    await file.close();
  }
}

/** Replaces the state; durable when it resolves. */
export async function saveNodeState(disk: Disk, state: NodeState): Promise<void> {
  const body = stateText(state);
  const text = `{"format":${format},"crc":"${checksumText(body)}","state":${body}}\n`;
  const file = await disk.open(temporaryPath, 'create');
  try {
    await file.write([new TextEncoder().encode(text)], 0);
    await file.sync();
  } finally {
    await file.close();
  }
  await disk.rename(temporaryPath, nodeStatePath);
  await disk.syncDirectory(dataDirectory);
}

function parseState(text: string): NodeState {
  const outer = parseObject(text);
  if (outer['format'] !== format) {
    throw new StoreError(
      'FORMAT_UNSUPPORTED',
      `${nodeStatePath} has format ${String(outer['format'])}; this version reads format ${format}`,
    );
  }
  const inner = outer['state'];
  if (typeof inner !== 'object' || inner === null) throw damaged('it holds no state');
  const fields = new Map<string, unknown>(Object.entries(inner));
  const nodeId = textField(fields, 'nodeId');
  if (!isNodeId(nodeId)) throw damaged(`its nodeId ${JSON.stringify(nodeId)} is no node id`);
  const state: NodeState = {
    nodeId,
    clusterName: textField(fields, 'clusterName'),
    partitions: integerField(fields, 'partitions', limits.partitionsMax),
    generation: textField(fields, 'generation'),
    generationSince: fields.has('generationSince')
      ? integerField(fields, 'generationSince', incarnationMax)
      : 0,
    incarnation: integerField(fields, 'incarnation', Number.MAX_SAFE_INTEGER),
    clockBoundWallMs: integerField(fields, 'clockBoundWallMs', wallMsMax),
  };
  if (outer['crc'] !== checksumText(stateText(state))) throw damaged('its checksum does not match');
  return state;
}

function parseObject(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return Object.fromEntries(Object.entries(value));
  } catch (error) {
    throw damaged('it is not JSON', error);
  }
  throw damaged('it is not a JSON object');
}

function textField(fields: ReadonlyMap<string, unknown>, name: string): string {
  const value = fields.get(name);
  if (typeof value !== 'string' || value === '') throw damaged(`its ${name} is missing or no text`);
  return value;
}

function integerField(fields: ReadonlyMap<string, unknown>, name: string, max: number): number {
  const value = fields.get(name);
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0 || value > max) {
    throw damaged(`its ${name} is missing or no integer from 0 to ${max}`);
  }
  return value;
}

/** Field by field, so that the checksum does not depend on how the object was built. */
function stateText(state: NodeState): string {
  return JSON.stringify({
    nodeId: state.nodeId,
    clusterName: state.clusterName,
    partitions: state.partitions,
    generation: state.generation,
    // Left out by the versions that did not have it yet.
    ...(state.generationSince === 0 ? {} : { generationSince: state.generationSince }),
    incarnation: state.incarnation,
    clockBoundWallMs: state.clockBoundWallMs,
  });
}

function checksumText(body: string): string {
  return crc32(new TextEncoder().encode(body)).toString(16).padStart(8, '0');
}

function damaged(what: string, cause?: unknown): StoreError {
  return new StoreError(
    'LOG_CORRUPT',
    `${nodeStatePath} cannot be believed: ${what}. Restore it from a backup, or move the whole data ` +
      'directory away and start empty: the other owners then refill this node.',
    cause === undefined ? {} : { cause },
  );
}
