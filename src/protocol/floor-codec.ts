/**
 * The messages of stability floors as bytes; the header before them is drawn in message-codec.ts. Big-endian.
 *
 *   24 floor-report   u32 timeout ms
 *   25 raise-floors   u32 timeout ms · items: u32 partition · u48 floor ms
 *  152 floor-report   u48 promise ms · u48 stamp of the oldest hint · u8 length of its target (0: no hint) · target ·
 *                    items: u32 foreign partition
 *  153 floors-raised  u32 versions dropped
 */

import { isNodeId } from '../core/config.ts';
import { limits } from '../core/limits.ts';
import type { FloorReply, FloorRequest } from './floor-messages.ts';
import type { PartitionFloor } from './healing-messages.ts';
import { FieldReader, FieldWriter, invalidFrame, newFrame } from './message-frame.ts';
import type { MessageHeader } from './messages.ts';

const kinds = { report: 24, raise: 25, reported: 152, raised: 153 } as const;
const floorBytes = 10;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Whether a message kind is one of these. */
export function isFloorKind(kind: number): boolean {
  return Object.values(kinds).some((known) => known === kind);
}

export function encodeFloorRequest(header: MessageHeader, request: FloorRequest): Uint8Array {
  if (request.kind === 'floor-report') {
    return new FieldWriter(newFrame(header, kinds.report, 4)).uint32(request.timeoutMs).frame;
  }
  const writer = new FieldWriter(newFrame(header, kinds.raise, 4 + request.floors.length * floorBytes));
  writer.uint32(request.timeoutMs);
  for (const { partition, floorMs } of request.floors) writer.uint32(partition).uint48(floorMs);
  return writer.frame;
}

/** Throws `FRAME_INVALID`. */
export function decodeFloorRequest(kind: number, bytes: Uint8Array): FloorRequest {
  const reader = new FieldReader(bytes);
  const timeoutMs = reader.uint32();
  if (kind === kinds.report) return { kind: 'floor-report', timeoutMs };
  if (kind !== kinds.raise) throw invalidFrame(`request kind ${kind} is unknown`);
  const floors: PartitionFloor[] = [];
  while (reader.restBytes > 0) {
    if (floors.length >= limits.floorsPerMessage) throw invalidFrame('too many floors');
    floors.push({ partition: reader.uint32(), floorMs: reader.uint48() });
  }
  return { kind: 'raise-floors', timeoutMs, floors };
}

export function encodeFloorReply(header: MessageHeader, reply: FloorReply): Uint8Array {
  if (reply.kind === 'floors-raised') {
    return new FieldWriter(newFrame(header, kinds.raised, 4)).uint32(Math.min(reply.dropped, 0xffff_ffff))
      .frame;
  }
  const { promiseMs, oldestHint, foreign } = reply;
  const target = encoder.encode(oldestHint?.target ?? '');
  const fieldBytes = 13 + target.length + 4 * foreign.length;
  const writer = new FieldWriter(newFrame(header, kinds.reported, fieldBytes))
    .uint48(promiseMs)
    .uint48(oldestHint?.wallMs ?? 0)
    .uint8(target.length)
    .bytes(target);
  for (const partition of foreign) writer.uint32(partition);
  return writer.frame;
}

/** Throws `FRAME_INVALID`. */
export function decodeFloorReply(kind: number, bytes: Uint8Array): FloorReply {
  const reader = new FieldReader(bytes);
  if (kind === kinds.raised) return { kind: 'floors-raised', dropped: reader.uint32() };
  if (kind !== kinds.reported) throw invalidFrame(`reply kind ${kind} is unknown`);
  const promiseMs = reader.uint48();
  const wallMs = reader.uint48();
  const target = decoder.decode(reader.bytes(reader.uint8()));
  const foreign: number[] = [];
  while (reader.restBytes > 0) {
    if (foreign.length >= limits.partitionsMax) throw invalidFrame('too many partitions');
    foreign.push(reader.uint32());
  }
  if (target === '') return { kind: 'floor-report', promiseMs, oldestHint: undefined, foreign };
  if (!isNodeId(target)) throw invalidFrame('the target of a hint is not a node id');
  return { kind: 'floor-report', promiseMs, oldestHint: { target, wallMs }, foreign };
}
