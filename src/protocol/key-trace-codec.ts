/**
 * What one node knows about one key, for an operator: asked of every member, answered from memory and disk.
 *
 *    22 trace-key  u32 timeout ms · key
 *   149 key-trace  u8 flags (1 witness, 2 holds a copy) · u8 length · error code (why the copy can't be read) ·
 *                  copy, if any · for each hint: u8 length · target · copy
 *   copy           u48 wall ms · u16 counter · u48 expires at · u8 tombstone · u32 checksum · u32 value bytes ·
 *                  u8 path (0: not remembered) · u48 arrived at, wall ms · u8 length · from · u8 length · actor
 */

import { isNodeId, type NodeId } from '../core/config.ts';
import { isErrorCode } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { FieldReader, FieldWriter, headerBytes, invalidFrame, newFrame } from './message-frame.ts';
import {
  arrivalPaths,
  type KeyTraceReply,
  type TracedCopy,
  type TraceKeyRequest,
} from './key-trace-messages.ts';
import type { MessageHeader } from './messages.ts';

export const traceKeyKind = 22;
export const keyTraceKind = 149;

const witnessFlag = 1;
const copyFlag = 2;
const copyFixedBytes = 32;

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const noText = new Uint8Array(0);

export function encodeTraceKey(header: MessageHeader, request: TraceKeyRequest): Uint8Array {
  return new FieldWriter(newFrame(header, traceKeyKind, 4 + request.key.length))
    .uint32(request.timeoutMs)
    .bytes(request.key).frame;
}

export function decodeTraceKey(bytes: Uint8Array): TraceKeyRequest {
  const reader = new FieldReader(bytes);
  const timeoutMs = reader.uint32();
  const key = reader.bytes(reader.restBytes);
  if (key.length === 0) throw invalidFrame('a trace without a key');
  return { kind: 'trace-key', timeoutMs, key };
}

/** The length of the frame. */
export function keyTraceBytes(reply: KeyTraceReply): number {
  let length = headerBytes + 2 + (reply.failure ?? '').length;
  if (reply.copy !== undefined) length += copyBytes(reply.copy);
  for (const { target, copy } of reply.hints) length += 1 + target.length + copyBytes(copy);
  return length;
}

export function encodeKeyTrace(header: MessageHeader, reply: KeyTraceReply): Uint8Array {
  const writer = new FieldWriter(newFrame(header, keyTraceKind, keyTraceBytes(reply) - headerBytes));
  writer.uint8((reply.isWitness ? witnessFlag : 0) | (reply.copy === undefined ? 0 : copyFlag));
  writeText(writer, reply.failure ?? '');
  if (reply.copy !== undefined) writeCopy(writer, reply.copy);
  for (const { target, copy } of reply.hints) writeCopy(writeText(writer, target), copy);
  return writer.frame;
}

/** Throws `FRAME_INVALID`. */
export function decodeKeyTrace(bytes: Uint8Array): KeyTraceReply {
  const reader = new FieldReader(bytes);
  const flags = reader.uint8();
  const code = readText(reader);
  const copy = (flags & copyFlag) === 0 ? undefined : readCopy(reader);
  const hints: { target: NodeId; copy: TracedCopy }[] = [];
  while (reader.restBytes > 0) {
    if (hints.length >= limits.membersMax) throw invalidFrame('more hints for a key than members');
    hints.push({ target: nodeIdOf(readText(reader)), copy: readCopy(reader) });
  }
  return {
    kind: 'key-trace',
    isWitness: (flags & witnessFlag) !== 0,
    failure: code === '' ? undefined : isErrorCode(code) ? code : 'INTERNAL',
    copy,
    hints,
  };
}

function copyBytes({ digest, arrival }: TracedCopy): number {
  return copyFixedBytes + (arrival?.from ?? '').length + digest.dot.actor.length;
}

function writeCopy(writer: FieldWriter, { digest, valueBytes, arrival }: TracedCopy): void {
  const { dot, expiresAtMs, tombstone, checksum } = digest;
  writer.uint48(dot.wallMs).uint16(dot.counter).uint48(expiresAtMs).uint8(Number(tombstone)).uint32(checksum);
  writer.uint32(valueBytes).uint8(arrival === undefined ? 0 : 1 + arrivalPaths.indexOf(arrival.path));
  writer.uint48(arrival?.atWallMs ?? 0);
  writeText(writeText(writer, arrival?.from ?? ''), dot.actor);
}

function readCopy(reader: FieldReader): TracedCopy {
  const wallMs = reader.uint48();
  const counter = reader.uint16();
  const expiresAtMs = reader.uint48();
  const tombstone = reader.uint8() === 1;
  const checksum = reader.uint32();
  const valueBytes = reader.uint32();
  const pathNumber = reader.uint8();
  const atWallMs = reader.uint48();
  const from = readText(reader);
  const actor = readText(reader);
  if (!/^[\x20-\x7e]+$/.test(actor)) throw invalidFrame('the actor of a copy is not printable ASCII');
  const path = arrivalPaths[pathNumber - 1];
  if (pathNumber > 0 && path === undefined) throw invalidFrame(`${pathNumber} stands for no path`);
  return {
    digest: { dot: { wallMs, counter, actor }, expiresAtMs, tombstone, checksum },
    valueBytes,
    arrival: path === undefined ? undefined : { path, from: nodeIdOf(from), atWallMs },
  };
}

/** Ids, codes and actors are ASCII, and shorter than 256. */
function writeText(writer: FieldWriter, text: string): FieldWriter {
  const bytes = text === '' ? noText : encoder.encode(text);
  return writer.uint8(bytes.length).bytes(bytes);
}

function readText(reader: FieldReader): string {
  return decoder.decode(reader.bytes(reader.uint8()));
}

function nodeIdOf(text: string): NodeId {
  if (!isNodeId(text)) throw invalidFrame('a node of a key trace has no node id');
  return text;
}
