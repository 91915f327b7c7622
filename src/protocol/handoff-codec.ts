/**
 * Hints on their way to the owner that missed them: many records in one message.
 *
 *   5   merge    u32 timeout ms · records, each of which begins with its length
 *   135 merged   for each record in order: u8 code length (0: durable) · code
 *
 * A merge fits into an ordinary frame: the sender cuts its batches to size.
 */

import { readUint32 } from '../core/bytes.ts';
import { isErrorCode, type ErrorCode } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { decodeRecord, type StoredRecord } from '../core/record.ts';
import { FieldReader, FieldWriter, headerBytes, invalidFrame, needBytes, newFrame } from './message-frame.ts';
import type { MergedReply, MergeRequestMessage, MessageHeader } from './messages.ts';

export const mergeKind = 5;
export const mergedKind = 135;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function encodeMerge(header: MessageHeader, request: MergeRequestMessage): Uint8Array {
  const recordBytes = request.records.reduce((sum, record) => sum + record.bytes.length, 0);
  const writer = new FieldWriter(newFrame(header, mergeKind, 4 + recordBytes));
  writer.uint32(request.timeoutMs);
  for (const record of request.records) writer.bytes(record.bytes);
  return writer.frame;
}

/** The records are views into the frame. */
export function decodeMerge(bytes: Uint8Array): MergeRequestMessage {
  const recordsOffset = headerBytes + 4;
  needBytes(bytes, recordsOffset);
  const records: StoredRecord[] = [];
  for (let offset = recordsOffset; offset < bytes.length;) {
    if (records.length >= limits.hintReplayBatchMax) {
      throw invalidFrame(`a merge of more than ${limits.hintReplayBatchMax} records`);
    }
    needBytes(bytes, offset + 4);
    const record = decodeRecord(bytes.subarray(offset, offset + Math.max(4, readUint32(bytes, offset))));
    records.push(record);
    offset += record.bytes.length;
  }
  return { kind: 'merge', timeoutMs: readUint32(bytes, headerBytes), records };
}

export function encodeMerged(header: MessageHeader, reply: MergedReply): Uint8Array {
  const codes = reply.refusals.map((code) => encoder.encode(code ?? ''));
  const codeBytes = codes.reduce((sum, code) => sum + 1 + code.length, 0);
  const writer = new FieldWriter(newFrame(header, mergedKind, codeBytes));
  for (const code of codes) writer.uint8(code.length).bytes(code);
  return writer.frame;
}

export function decodeMerged(bytes: Uint8Array): MergedReply {
  const reader = new FieldReader(bytes);
  const refusals: (ErrorCode | undefined)[] = [];
  while (reader.restBytes > 0) {
    if (refusals.length >= limits.hintReplayBatchMax) {
      throw invalidFrame(`outcomes of more than ${limits.hintReplayBatchMax} records`);
    }
    const length = reader.uint8();
    const code = decoder.decode(reader.bytes(length));
    refusals.push(length === 0 ? undefined : isErrorCode(code) ? code : 'INTERNAL');
  }
  return { kind: 'merged', refusals };
}
