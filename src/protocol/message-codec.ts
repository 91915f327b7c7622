/**
 * Internode messages as bytes, version 1, big-endian. The transport adds the frame length.
 *
 *   0  u8   protocol version, 1
 *   1  u8   kind: 1 ping, 2 put, 3 get, 4 fresh put; 129 pong, 130 stored, 131 nothing, 132 digest, 133 record, 134 refused;
 *           5 and 135 are in handoff-codec.ts, 6, 7, 136 and 137 in many-codec.ts, 16 to 21 and 144 to 148 in healing-codec.ts,
 *           24, 25, 152 and 153 in floor-codec.ts
 *   2  u16  monotonic time of the asker when it asked, in ticks (replica/request-age.ts); a reply gives it back
 *   4  u32  placement epoch
 *   8  u32  incarnation of the asker
 *  12  u32  sequence
 *  16  u48  sender's clock, wall milliseconds
 *  22  u16  sender's clock, counter
 *  24       fields of the kind
 *
 *   ping     u48 entries of the sender's log · what a pong has
 *   pong     nothing, or the sum of what both own: u32 high · u32 low · u32 count
 *   put      u32 timeout ms · u8 target length · target (empty: receiver owns it) · record
 *   get      u32 timeout ms · u8 want (0 record, 1 digest) · key
 *   nothing  u8 evidence
 *   digest   u8 evidence · u48 wall ms · u16 counter · u48 expires at · u8 flags · u32 checksum · actor
 *   record   u8 evidence · record
 *   refused  u8 code length · code · message (UTF-8)
 *
 * Records travel as they lie on disk and are not copied on receipt. Every length is checked before use;
 * what does not parse throws `FRAME_INVALID`, `RECORD_INVALID` or `FORMAT_UNSUPPORTED`.
 */

import { readUint32, writeUint32 } from '../core/bytes.ts';
import { isNodeId, type NodeId } from '../core/config.ts';
import { limits } from '../core/limits.ts';
import { isErrorCode } from '../core/errors.ts';
import { decodeRecord, type VersionDigest } from '../core/record.ts';
import type { VersionSum } from '../core/version-sum.ts';
import {
  decodeFloorReply,
  decodeFloorRequest,
  encodeFloorReply,
  encodeFloorRequest,
  isFloorKind,
} from './floor-codec.ts';
import {
  decodeMerge,
  decodeMerged,
  encodeMerge,
  encodeMerged,
  mergedKind,
  mergeKind,
} from './handoff-codec.ts';
import {
  decodeHealingReply,
  decodeHealingRequest,
  encodeHealingReply,
  encodeHealingRequest,
  isHealingKind,
  readSum,
  sumBytes,
  writeSum,
} from './healing-codec.ts';
import {
  decodeManyReply,
  decodeManyRequest,
  encodeManyReply,
  encodeManyRequest,
  isManyKind,
} from './many-codec.ts';
import {
  FieldReader,
  FieldWriter,
  headerBytes,
  invalidFrame,
  needBytes,
  newFrame,
  readHeader,
} from './message-frame.ts';
import type { GetReply, Message, MessageHeader, Ping, Reply, Request } from './messages.ts';

const messageTextMax = 512;
const pingFixedBytes = 6;
const digestFixedBytes = 20;

const kinds = {
  ping: 1,
  put: 2,
  get: 3,
  freshPut: 4,
  pong: 129,
  stored: 130,
  nothing: 131,
  digest: 132,
  record: 133,
  refused: 134,
} as const;

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const noBytes = new Uint8Array(0);

/**
 * The end of a message that is so long that it is sent from where it lies: the record of a put or of a reply to a get. Whoever
 * sends the message sends this behind the frame.
 */
export function longTailOf(message: Request | Reply): Uint8Array | undefined {
  if (message.kind !== 'put' && message.kind !== 'record') return undefined;
  const { bytes } = message.record;
  return bytes.length > limits.peerPieceBytes ? bytes : undefined;
}

/** Encodes a request into a frame of its own, without its `longTailOf`. */
export function encodeRequest(header: MessageHeader, request: Request): Uint8Array {
  switch (request.kind) {
    case 'ping':
      return encodePing(header, request);
    case 'put': {
      const target = request.hintFor === undefined ? noBytes : encoder.encode(request.hintFor);
      const kind = request.fresh ? kinds.freshPut : kinds.put;
      const record = longTailOf(request) === undefined ? request.record.bytes : noBytes;
      const bytes = newFrame(header, kind, 5 + target.length + record.length);
      writeUint32(bytes, headerBytes, request.timeoutMs);
      bytes[headerBytes + 4] = target.length;
      bytes.set(target, headerBytes + 5);
      bytes.set(record, headerBytes + 5 + target.length);
      return bytes;
    }
    case 'get': {
      const bytes = newFrame(header, kinds.get, 5 + request.key.length);
      writeUint32(bytes, headerBytes, request.timeoutMs);
      bytes[headerBytes + 4] = request.want === 'record' ? 0 : 1;
      bytes.set(request.key, headerBytes + 5);
      return bytes;
    }
    case 'merge':
      return encodeMerge(header, request);
    case 'put-many':
    case 'get-many':
      return encodeManyRequest(header, request);
    case 'floor-report':
    case 'raise-floors':
      return encodeFloorRequest(header, request);
    default:
      return encodeHealingRequest(header, request);
  }
}

/** Encodes a reply into a frame of its own, without its `longTailOf`. */
export function encodeReply(header: MessageHeader, reply: Reply): Uint8Array {
  switch (reply.kind) {
    case 'pong':
      return encodePong(header, reply.sharedSum);
    case 'stored':
      return newFrame(header, kinds.stored, 0);
    case 'nothing': {
      const bytes = newFrame(header, kinds.nothing, 1);
      bytes[headerBytes] = Number(reply.evidence);
      return bytes;
    }
    case 'digest':
      return encodeDigest(header, reply.evidence, reply.digest);
    case 'record': {
      const record = longTailOf(reply) === undefined ? reply.record.bytes : noBytes;
      const bytes = newFrame(header, kinds.record, 1 + record.length);
      bytes[headerBytes] = Number(reply.evidence);
      bytes.set(record, headerBytes + 1);
      return bytes;
    }
    case 'refused': {
      const code = encoder.encode(reply.code);
      const text = encoder.encode(reply.message.slice(0, messageTextMax));
      const bytes = newFrame(header, kinds.refused, 1 + code.length + text.length);
      bytes[headerBytes] = code.length;
      bytes.set(code, headerBytes + 1);
      bytes.set(text, headerBytes + 1 + code.length);
      return bytes;
    }
    case 'merged':
      return encodeMerged(header, reply);
    case 'stored-many':
    case 'got-many':
      return encodeManyReply(header, reply);
    case 'floor-report':
    case 'floors-raised':
      return encodeFloorReply(header, reply);
    default:
      return encodeHealingReply(header, reply);
  }
}

/** Reads one frame. Records in the result are views into it. */
export function decodeMessage(bytes: Uint8Array): Message {
  const header = readHeader(bytes);
  const kind = bytes[1] ?? 0;
  if (kind < 128) return { type: 'request', header, request: decodeRequest(kind, bytes) };
  return { type: 'reply', header, reply: decodeReply(kind, bytes) };
}

function decodeRequest(kind: number, bytes: Uint8Array): Request {
  if (kind === kinds.ping) return decodePing(bytes);
  if (isHealingKind(kind)) return decodeHealingRequest(kind, bytes);
  if (isFloorKind(kind)) return decodeFloorRequest(kind, bytes);
  if (kind === mergeKind) return decodeMerge(bytes);
  if (isManyKind(kind)) return decodeManyRequest(kind, bytes);
  needBytes(bytes, headerBytes + 5);
  const timeoutMs = readUint32(bytes, headerBytes);
  if (kind === kinds.put || kind === kinds.freshPut) {
    const recordOffset = headerBytes + 5 + (bytes[headerBytes + 4] ?? 0);
    needBytes(bytes, recordOffset);
    const hintFor = decodeTarget(bytes, recordOffset);
    const record = decodeRecord(bytes.subarray(recordOffset));
    return { kind: 'put', timeoutMs, hintFor, fresh: kind === kinds.freshPut, record };
  }
  if (kind === kinds.get) {
    const key = bytes.subarray(headerBytes + 5);
    if (key.length === 0) throw invalidFrame('a get without a key');
    return { kind: 'get', timeoutMs, want: bytes[headerBytes + 4] === 0 ? 'record' : 'digest', key };
  }
  throw invalidFrame(`request kind ${kind} is unknown`);
}

/** The hint target before `end`; undefined when it is empty, as in nearly every put. */
function decodeTarget(bytes: Uint8Array, end: number): NodeId | undefined {
  if (end === headerBytes + 5) return undefined;
  const target = decoder.decode(bytes.subarray(headerBytes + 5, end));
  if (!isNodeId(target)) throw invalidFrame('the hint target is not a node id');
  return target;
}

function decodeReply(kind: number, bytes: Uint8Array): Reply {
  switch (kind) {
    case kinds.pong:
      return { kind: 'pong', ...decodeSharedSum(new FieldReader(bytes)) };
    case kinds.stored:
      return { kind: 'stored' };
    case kinds.refused: {
      needBytes(bytes, headerBytes + 1);
      const codeEnd = headerBytes + 1 + (bytes[headerBytes] ?? 0);
      needBytes(bytes, codeEnd);
      const code = decoder.decode(bytes.subarray(headerBytes + 1, codeEnd));
      const message = decoder.decode(bytes.subarray(codeEnd, codeEnd + messageTextMax));
      return { kind: 'refused', code: isErrorCode(code) ? code : 'INTERNAL', message };
    }
    case mergedKind:
      return decodeMerged(bytes);
    default:
      if (isManyKind(kind)) return decodeManyReply(kind, bytes);
      if (isFloorKind(kind)) return decodeFloorReply(kind, bytes);
      return isHealingKind(kind) ? decodeHealingReply(kind, bytes) : decodeGetReply(kind, bytes);
  }
}

function decodeGetReply(kind: number, bytes: Uint8Array): GetReply {
  needBytes(bytes, headerBytes + 1);
  const evidence = bytes[headerBytes] === 1;
  switch (kind) {
    case kinds.nothing:
      return { kind: 'nothing', evidence };
    case kinds.record:
      return { kind: 'record', evidence, record: decodeRecord(bytes.subarray(headerBytes + 1)) };
    case kinds.digest: {
      const reader = new FieldReader(bytes);
      reader.uint8();
      const wallMs = reader.uint48();
      const counter = reader.uint16();
      const expiresAtMs = reader.uint48();
      const tombstone = reader.uint8() === 1;
      const checksum = reader.uint32();
      const actor = reader.actor(reader.restBytes);
      const digest: VersionDigest = { dot: { wallMs, counter, actor }, tombstone, expiresAtMs, checksum };
      return { kind: 'digest', evidence, digest };
    }
    default:
      throw invalidFrame(`reply kind ${kind} is unknown`);
  }
}

function encodePing(header: MessageHeader, { logEntries, sharedSum }: Ping): Uint8Array {
  const bytes = pingFixedBytes + (sharedSum === undefined ? 0 : sumBytes);
  const writer = new FieldWriter(newFrame(header, kinds.ping, bytes)).uint48(logEntries);
  return (sharedSum === undefined ? writer : writeSum(writer, sharedSum)).frame;
}

function decodePing(bytes: Uint8Array): Ping {
  const reader = new FieldReader(bytes);
  return { kind: 'ping', logEntries: reader.uint48(), ...decodeSharedSum(reader) };
}

function encodePong(header: MessageHeader, sharedSum: VersionSum | undefined): Uint8Array {
  if (sharedSum === undefined) return newFrame(header, kinds.pong, 0);
  return writeSum(new FieldWriter(newFrame(header, kinds.pong, sumBytes)), sharedSum).frame;
}

function decodeSharedSum(reader: FieldReader): { readonly sharedSum?: VersionSum } {
  return reader.restBytes === 0 ? {} : { sharedSum: readSum(reader) };
}

function encodeDigest(header: MessageHeader, evidence: boolean, digest: VersionDigest): Uint8Array {
  const { dot, expiresAtMs, tombstone, checksum } = digest;
  const writer = new FieldWriter(newFrame(header, kinds.digest, digestFixedBytes + dot.actor.length));
  writer.uint8(Number(evidence)).uint48(dot.wallMs).uint16(dot.counter).uint48(expiresAtMs);
  return writer.uint8(Number(tombstone)).uint32(checksum).ascii(dot.actor).frame;
}
