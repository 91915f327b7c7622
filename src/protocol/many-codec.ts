/**
 * Many writes, or many reads, in one message, and their answers.
 *
 *   6    put-many     u32 timeout ms · records, each of which begins with its length
 *   7    get-many     u32 timeout ms · u8 want (0 record, 1 digest) · keys: u16 length · key
 *   136  stored-many  u16 records judged · for each that was refused: u16 its position · refusal
 *   137  got-many     u8 actors · actors: u8 length · actor · answers, in the order of the keys:
 *          u8 what (0 nothing, 1 digest, 2 record, 3 refused; 4 is added where it is evidence), then
 *          digest   u48 wall ms · u16 counter · u48 expires at · u8 flags (1 tombstone) · u32 checksum · u8 actor's position
 *          record   the record
 *          refused  refusal
 *   refusal           u8 code length · code · u16 message length · message (UTF-8)
 *
 * The few actors that a message names are spelled once: their text is most of the work of a digest.
 */

import { readUint32 } from '../core/bytes.ts';
import { isErrorCode, type ErrorCode } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { decodeRecord, type StoredRecord, type VersionDigest } from '../core/record.ts';
import { FieldReader, FieldWriter, headerBytes, invalidFrame, needBytes, newFrame } from './message-frame.ts';
import type {
  GetManyAnswer,
  GetManyRequest,
  GotManyReply,
  ManyReply,
  ManyRequest,
  PutManyRequest,
  RefusedRecord,
  StoredManyReply,
} from './many-messages.ts';
import type { MessageHeader } from './messages.ts';

const putManyKind = 6;
const getManyKind = 7;
const storedManyKind = 136;
const gotManyKind = 137;

const nothingAnswer = 0;
const digestAnswer = 1;
const recordAnswer = 2;
const refusedAnswer = 3;
const evidenceFlag = 4;

const digestBytes = 20;
const messageBytesMax = 512;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function isManyKind(kind: number): boolean {
  return kind === putManyKind || kind === getManyKind || kind === storedManyKind || kind === gotManyKind;
}

export function encodeManyRequest(header: MessageHeader, request: ManyRequest): Uint8Array {
  return request.kind === 'put-many' ? encodePutMany(header, request) : encodeGetMany(header, request);
}

/** Records and keys are views into the frame. */
export function decodeManyRequest(kind: number, bytes: Uint8Array): ManyRequest {
  if (kind === putManyKind) return decodePutMany(bytes);
  if (kind === getManyKind) return decodeGetMany(bytes);
  throw invalidFrame(`request kind ${kind} is a reply`);
}

export function encodeManyReply(header: MessageHeader, reply: ManyReply): Uint8Array {
  return reply.kind === 'stored-many' ? encodeStoredMany(header, reply) : encodeGotMany(header, reply);
}

/** Records are views into the frame. */
export function decodeManyReply(kind: number, bytes: Uint8Array): ManyReply {
  if (kind === storedManyKind) return decodeStoredMany(bytes);
  if (kind === gotManyKind) return decodeGotMany(bytes);
  throw invalidFrame(`reply kind ${kind} is a request`);
}

function encodePutMany(header: MessageHeader, { timeoutMs, records }: PutManyRequest): Uint8Array {
  let recordBytes = 0;
  for (const record of records) recordBytes += record.bytes.length;
  const writer = new FieldWriter(newFrame(header, putManyKind, 4 + recordBytes)).uint32(timeoutMs);
  for (const record of records) writer.bytes(record.bytes);
  return writer.frame;
}

function decodePutMany(bytes: Uint8Array): PutManyRequest {
  const recordsOffset = headerBytes + 4;
  needBytes(bytes, recordsOffset);
  const records: StoredRecord[] = [];
  for (let offset = recordsOffset; offset < bytes.length;) {
    if (records.length >= limits.keysAtOnceMax) throw tooMany('records');
    const record = recordAt(bytes, offset);
    records.push(record);
    offset += record.bytes.length;
  }
  return { kind: 'put-many', timeoutMs: readUint32(bytes, headerBytes), records };
}

function encodeGetMany(header: MessageHeader, { timeoutMs, want, keys }: GetManyRequest): Uint8Array {
  let keyBytes = 0;
  for (const key of keys) keyBytes += 2 + key.length;
  const writer = new FieldWriter(newFrame(header, getManyKind, 5 + keyBytes));
  writer.uint32(timeoutMs).uint8(want === 'record' ? 0 : 1);
  for (const key of keys) writer.uint16(key.length).bytes(key);
  return writer.frame;
}

function decodeGetMany(bytes: Uint8Array): GetManyRequest {
  const reader = new FieldReader(bytes);
  const timeoutMs = reader.uint32();
  const want = reader.uint8() === 0 ? 'record' : 'digest';
  const keys: Uint8Array[] = [];
  while (reader.restBytes > 0) {
    if (keys.length >= limits.keysAtOnceMax) throw tooMany('keys');
    const length = reader.uint16();
    if (length === 0) throw invalidFrame('a get without a key');
    keys.push(reader.bytes(length));
  }
  return { kind: 'get-many', timeoutMs, want, keys };
}

function encodeStoredMany(header: MessageHeader, { count, refusals }: StoredManyReply): Uint8Array {
  const refused = refusals.map(({ index, code, message }) => ({ index, bytes: refusalOf(code, message) }));
  const refusedBytes = refused.reduce((sum, { bytes }) => sum + 2 + bytes.length, 0);
  const writer = new FieldWriter(newFrame(header, storedManyKind, 2 + refusedBytes)).uint16(count);
  for (const { index, bytes } of refused) writer.uint16(index).bytes(bytes);
  return writer.frame;
}

function decodeStoredMany(bytes: Uint8Array): StoredManyReply {
  const reader = new FieldReader(bytes);
  const count = reader.uint16();
  const refusals: RefusedRecord[] = [];
  while (reader.restBytes > 0) {
    const index = reader.uint16();
    if (index >= count || refusals.length >= count) throw invalidFrame('a refusal of no record');
    refusals.push({ index, ...readRefusal(reader) });
  }
  return { kind: 'stored-many', count, refusals };
}

function encodeGotMany(header: MessageHeader, { answers }: GotManyReply): Uint8Array {
  const actors: string[] = [];
  const refusals: Uint8Array[] = [];
  let length = 1;
  for (const answer of answers) {
    length++;
    if (answer.kind === 'digest') {
      length += digestBytes;
      if (!actors.includes(answer.digest.dot.actor)) actors.push(answer.digest.dot.actor);
    } else if (answer.kind === 'record') {
      length += answer.record.bytes.length;
    } else if (answer.kind === 'refused') {
      const refusal = refusalOf(answer.code, answer.message);
      refusals.push(refusal);
      length += refusal.length;
    }
  }
  for (const actor of actors) length += 1 + actor.length;
  const writer = new FieldWriter(newFrame(header, gotManyKind, length)).uint8(actors.length);
  for (const actor of actors) writer.uint8(actor.length).ascii(actor);
  let refused = 0;
  for (const answer of answers) {
    switch (answer.kind) {
      case 'nothing':
        writer.uint8(nothingAnswer | evidenceOf(answer));
        break;
      case 'digest': {
        const { dot, expiresAtMs, tombstone, checksum } = answer.digest;
        writer.uint8(digestAnswer | evidenceOf(answer)).uint48(dot.wallMs);
        writer.uint16(dot.counter).uint48(expiresAtMs).uint8(Number(tombstone));
        writer.uint32(checksum).uint8(actors.indexOf(dot.actor));
        break;
      }
      case 'record':
        writer.uint8(recordAnswer | evidenceOf(answer)).bytes(answer.record.bytes);
        break;
      case 'refused':
        writer.uint8(refusedAnswer).bytes(refusals[refused++] ?? encoder.encode(''));
        break;
    }
  }
  return writer.frame;
}

function decodeGotMany(bytes: Uint8Array): GotManyReply {
  const reader = new FieldReader(bytes);
  const actors: string[] = [];
  for (let left = reader.uint8(); left > 0; left--) actors.push(reader.actor(reader.uint8()));
  const answers: GetManyAnswer[] = [];
  while (reader.restBytes > 0) {
    if (answers.length >= limits.keysAtOnceMax) throw tooMany('answers');
    answers.push(readAnswer(reader, actors));
  }
  return { kind: 'got-many', answers };
}

function readAnswer(reader: FieldReader, actors: readonly string[]): GetManyAnswer {
  const what = reader.uint8();
  const evidence = (what & evidenceFlag) !== 0;
  switch (what & ~evidenceFlag) {
    case nothingAnswer:
      return { kind: 'nothing', evidence };
    case digestAnswer:
      return { kind: 'digest', evidence, digest: readDigest(reader, actors) };
    case recordAnswer:
      return {
        kind: 'record',
        evidence,
        record: decodeRecord(reader.bytes(Math.max(4, reader.peekUint32()))),
      };
    case refusedAnswer:
      return { kind: 'refused', ...readRefusal(reader) };
    default:
      throw invalidFrame(`answer ${what} is unknown`);
  }
}

function readDigest(reader: FieldReader, actors: readonly string[]): VersionDigest {
  const wallMs = reader.uint48();
  const counter = reader.uint16();
  const expiresAtMs = reader.uint48();
  const tombstone = reader.uint8() === 1;
  const checksum = reader.uint32();
  const actor = actors[reader.uint8()];
  if (actor === undefined) throw invalidFrame('a digest by an actor that is not named');
  return { dot: { wallMs, counter, actor }, tombstone, expiresAtMs, checksum };
}

function recordAt(bytes: Uint8Array, offset: number): StoredRecord {
  needBytes(bytes, offset + 4);
  return decodeRecord(bytes.subarray(offset, offset + Math.max(4, readUint32(bytes, offset))));
}

function refusalOf(code: ErrorCode, message: string): Uint8Array {
  const codeText = encoder.encode(code);
  const text = encoder.encode(message).subarray(0, messageBytesMax);
  const bytes = new Uint8Array(3 + codeText.length + text.length);
  bytes[0] = codeText.length;
  bytes.set(codeText, 1);
  bytes[1 + codeText.length] = text.length >>> 8;
  bytes[2 + codeText.length] = text.length;
  bytes.set(text, 3 + codeText.length);
  return bytes;
}

function readRefusal(reader: FieldReader): { readonly code: ErrorCode; readonly message: string } {
  const code = decoder.decode(reader.bytes(reader.uint8()));
  const message = decoder.decode(reader.bytes(reader.uint16()));
  return { code: isErrorCode(code) ? code : 'INTERNAL', message };
}

function evidenceOf({ evidence }: { readonly evidence: boolean }): number {
  return evidence ? evidenceFlag : 0;
}

function tooMany(what: string): Error {
  return invalidFrame(`a message of more than ${limits.keysAtOnceMax} ${what}`);
}
