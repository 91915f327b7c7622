/**
 * The messages of anti-entropy as bytes; the header before them is drawn in message-codec.ts. Big-endian.
 *
 *   16 partition-sums  u32 timeout ms · u48 up to ms · items: u32 partition · u48 floor ms
 *   17 range-sums      u32 timeout ms · u48 up to ms · items: u64 first · u64 last
 *   18 list-versions   u32 timeout ms · items: u64 first · u64 last
 *   19 fetch-range     u32 timeout ms · u64 first · u64 last
 *   20 fetch-tokens    u32 timeout ms · items: u64 token
 *   21 compare-now     u32 timeout ms · u32 session · items: u32 partition
 *   22 trace-key       in key-trace-codec.ts, as is 149
 *   23 testify         u32 timeout ms · items: u64 token
 *  144 partition-sums  items: u8 completeness (0 complete, 1 fresh, 2 incomplete) · u48 floor ms · sum
 *  145 range-sums      items: sum
 *  146 versions        u8 more · u64 next · items: u64 token · u48 wall ms · u16 counter · u32 checksum
 *  147 records         u8 more · u64 next · records, each of which begins with its length
 *  148 compare         u8 state (0 running, 1 done, 2 failed) · u32 compared · u32 fetched
 *  150 testimonies     items: u8 witness · u48 newest wall ms · u16 newest counter · sum
 *
 * A sum is u32 high · u32 low · u32 count. Items fill the rest of the frame; their number is checked against its limit
 * before any is read. `up to` of 2^48 - 1 means that all versions count.
 */

import { wallMsMax } from '../core/hybrid-logical-clock.ts';
import { limits } from '../core/limits.ts';
import { decodeRecord, type StoredRecord } from '../core/record.ts';
import { compareTokens, type Token, type TokenRange } from '../core/token.ts';
import type { SummedVersion, VersionSum } from '../core/version-sum.ts';
import type {
  Completeness,
  CompareProgress,
  HealingReply,
  HealingRequest,
  PartitionFloor,
  PartitionState,
  Testimony,
} from './healing-messages.ts';
import {
  decodeKeyTrace,
  decodeTraceKey,
  encodeKeyTrace,
  encodeTraceKey,
  keyTraceBytes,
  keyTraceKind,
  traceKeyKind,
} from './key-trace-codec.ts';
import { FieldReader, FieldWriter, headerBytes, invalidFrame, newFrame } from './message-frame.ts';
import type { MessageHeader } from './messages.ts';

const kinds = {
  partitionSums: 16,
  rangeSums: 17,
  listVersions: 18,
  fetchRange: 19,
  fetchTokens: 20,
  compareNow: 21,
  testify: 23,
  partitionSumsReply: 144,
  rangeSumsReply: 145,
  versions: 146,
  records: 147,
  compareProgress: 148,
  testimonies: 150,
} as const;

const completenesses: readonly Completeness[] = ['complete', 'fresh', 'incomplete'];
const progressStates: readonly CompareProgress['state'][] = ['running', 'done', 'failed'];
export const sumBytes = 12;
const stateBytes = 7 + sumBytes;
const partitionBytes = 10;
const tokenBytes = 8;
const rangeBytes = 16;
const testimonyBytes = 9 + sumBytes;
const versionBytes = 20;
const noToken: Token = { high: 0, low: 0 };

/** Whether a message kind is one of these. */
export function isHealingKind(kind: number): boolean {
  return (
    (kind >= kinds.partitionSums && kind <= kinds.testify) ||
    (kind >= kinds.partitionSumsReply && kind <= kinds.testimonies)
  );
}

export function encodeHealingRequest(header: MessageHeader, request: HealingRequest): Uint8Array {
  const fieldBytes = healingRequestBytes(request) - headerBytes;
  const start = (kind: number): FieldWriter =>
    new FieldWriter(newFrame(header, kind, fieldBytes)).uint32(request.timeoutMs);
  switch (request.kind) {
    case 'partition-sums': {
      const writer = start(kinds.partitionSums).uint48(request.upToMs ?? wallMsMax);
      for (const { partition, floorMs } of request.partitions) writer.uint32(partition).uint48(floorMs);
      return writer.frame;
    }
    case 'range-sums': {
      const writer = start(kinds.rangeSums).uint48(request.upToMs ?? wallMsMax);
      for (const range of request.ranges) writeRange(writer, range);
      return writer.frame;
    }
    case 'list-versions': {
      const writer = start(kinds.listVersions);
      for (const range of request.ranges) writeRange(writer, range);
      return writer.frame;
    }
    case 'fetch-range':
      return writeRange(start(kinds.fetchRange), request.range).frame;
    case 'fetch-tokens':
    case 'testify': {
      const writer = start(request.kind === 'testify' ? kinds.testify : kinds.fetchTokens);
      for (const token of request.tokens) writeToken(writer, token);
      return writer.frame;
    }
    case 'compare-now': {
      const writer = start(kinds.compareNow).uint32(request.session);
      for (const partition of request.partitions) writer.uint32(partition);
      return writer.frame;
    }
    case 'trace-key':
      return encodeTraceKey(header, request);
  }
}

/** Throws `FRAME_INVALID`. */
export function decodeHealingRequest(kind: number, bytes: Uint8Array): HealingRequest {
  if (kind === traceKeyKind) return decodeTraceKey(bytes);
  const reader = new FieldReader(bytes);
  const timeoutMs = reader.uint32();
  switch (kind) {
    case kinds.partitionSums: {
      const upToMs = readUpTo(reader);
      const partitions = list(reader, partitionBytes, limits.partitionsMax, (): PartitionFloor => ({
        partition: reader.uint32(),
        floorMs: reader.uint48(),
      }));
      return { kind: 'partition-sums', timeoutMs, upToMs, partitions };
    }
    case kinds.rangeSums: {
      const upToMs = readUpTo(reader);
      return { kind: 'range-sums', timeoutMs, upToMs, ranges: readRanges(reader) };
    }
    case kinds.listVersions:
      return { kind: 'list-versions', timeoutMs, ranges: readRanges(reader) };
    case kinds.fetchRange: {
      const [range, ...others] = readRanges(reader);
      if (range === undefined || others.length > 0) throw invalidFrame('records are fetched range by range');
      return { kind: 'fetch-range', timeoutMs, range };
    }
    case kinds.fetchTokens:
    case kinds.testify: {
      const tokens = list(reader, tokenBytes, limits.treeTokensPerRequest, () => readToken(reader));
      assertAscending(tokens, 'tokens');
      return { kind: kind === kinds.testify ? 'testify' : 'fetch-tokens', timeoutMs, tokens };
    }
    case kinds.compareNow: {
      const session = reader.uint32();
      const partitions = list(reader, 4, limits.partitionsMax, () => reader.uint32());
      return { kind: 'compare-now', timeoutMs, session, partitions };
    }
    default:
      throw invalidFrame(`request kind ${kind} is unknown`);
  }
}

export function encodeHealingReply(header: MessageHeader, reply: HealingReply): Uint8Array {
  const fieldBytes = healingReplyBytes(reply) - headerBytes;
  const start = (kind: number): FieldWriter => new FieldWriter(newFrame(header, kind, fieldBytes));
  switch (reply.kind) {
    case 'partition-sums': {
      const writer = start(kinds.partitionSumsReply);
      for (const { completeness, floorMs, sum } of reply.states) {
        writeSum(writer.uint8(completenesses.indexOf(completeness)).uint48(floorMs), sum);
      }
      return writer.frame;
    }
    case 'range-sums': {
      const writer = start(kinds.rangeSumsReply);
      for (const sum of reply.sums) writeSum(writer, sum);
      return writer.frame;
    }
    case 'versions': {
      const writer = writeNext(start(kinds.versions), reply.next);
      for (const { token, wallMs, counter, checksum } of reply.versions) {
        writeToken(writer, token).uint48(wallMs).uint16(counter).uint32(checksum);
      }
      return writer.frame;
    }
    case 'records': {
      const writer = writeNext(start(kinds.records), reply.next);
      for (const record of reply.records) writer.bytes(record.bytes);
      return writer.frame;
    }
    case 'compare-progress':
      return start(kinds.compareProgress)
        .uint8(progressStates.indexOf(reply.state))
        .uint32(reply.compared)
        .uint32(reply.fetched).frame;
    case 'testimonies': {
      const writer = start(kinds.testimonies);
      for (const { isWitness, newest, sum } of reply.testimonies) {
        writeSum(
          writer
            .uint8(isWitness ? 1 : 0)
            .uint48(newest.wallMs)
            .uint16(newest.counter),
          sum,
        );
      }
      return writer.frame;
    }
    case 'key-trace':
      return encodeKeyTrace(header, reply);
  }
}

/** Throws `FRAME_INVALID`, or `RECORD_INVALID` for a record that is none. Records are views into the frame. */
export function decodeHealingReply(kind: number, bytes: Uint8Array): HealingReply {
  const reader = new FieldReader(bytes);
  switch (kind) {
    case kinds.partitionSumsReply: {
      const states = list(reader, stateBytes, limits.partitionsMax, (): PartitionState => ({
        completeness: named(completenesses, reader.uint8()),
        floorMs: reader.uint48(),
        sum: readSum(reader),
      }));
      return { kind: 'partition-sums', states };
    }
    case kinds.rangeSumsReply:
      return {
        kind: 'range-sums',
        sums: list(reader, sumBytes, limits.treeRangesPerRequest, () => readSum(reader)),
      };
    case kinds.versions: {
      const next = readNext(reader);
      const versions = list(reader, versionBytes, limits.treeVersionsPerReply, (): SummedVersion => ({
        token: readToken(reader),
        wallMs: reader.uint48(),
        counter: reader.uint16(),
        checksum: reader.uint32(),
      }));
      return { kind: 'versions', versions, next };
    }
    case kinds.records:
      return { kind: 'records', next: readNext(reader), records: readRecords(reader) };
    case kinds.compareProgress: {
      const state = named(progressStates, reader.uint8());
      return { kind: 'compare-progress', state, compared: reader.uint32(), fetched: reader.uint32() };
    }
    case kinds.testimonies: {
      const testimonies = list(reader, testimonyBytes, limits.treeTokensPerRequest, (): Testimony => ({
        isWitness: reader.uint8() === 1,
        newest: { wallMs: reader.uint48(), counter: reader.uint16() },
        sum: readSum(reader),
      }));
      return { kind: 'testimonies', testimonies };
    }
    case keyTraceKind:
      return decodeKeyTrace(bytes);
    default:
      throw invalidFrame(`reply kind ${kind} is unknown`);
  }
}

/** The length of a request's frame, for accounts of what went over the wire. */
export function healingRequestBytes(request: HealingRequest): number {
  const fixedBytes = headerBytes + 4;
  switch (request.kind) {
    case 'partition-sums':
      return fixedBytes + 6 + partitionBytes * request.partitions.length;
    case 'range-sums':
      return fixedBytes + 6 + rangeBytes * request.ranges.length;
    case 'list-versions':
      return fixedBytes + rangeBytes * request.ranges.length;
    case 'fetch-range':
      return fixedBytes + rangeBytes;
    case 'fetch-tokens':
    case 'testify':
      return fixedBytes + tokenBytes * request.tokens.length;
    case 'compare-now':
      return fixedBytes + 4 + 4 * request.partitions.length;
    case 'trace-key':
      return fixedBytes + request.key.length;
  }
}

/** The same for a reply. */
export function healingReplyBytes(reply: HealingReply): number {
  switch (reply.kind) {
    case 'partition-sums':
      return headerBytes + stateBytes * reply.states.length;
    case 'range-sums':
      return headerBytes + sumBytes * reply.sums.length;
    case 'versions':
      return headerBytes + 9 + versionBytes * reply.versions.length;
    case 'records':
      return reply.records.reduce((sum, record) => sum + record.bytes.length, headerBytes + 9);
    case 'compare-progress':
      return headerBytes + 9;
    case 'testimonies':
      return headerBytes + testimonyBytes * reply.testimonies.length;
    case 'key-trace':
      return keyTraceBytes(reply);
  }
}

function list<Item>(reader: FieldReader, itemBytes: number, max: number, read: () => Item): Item[] {
  return Array.from({ length: reader.count(itemBytes, max) }, read);
}

function named<Name>(names: readonly Name[], index: number): Name {
  const name = names[index];
  if (name === undefined) throw invalidFrame(`${index} stands for nothing here`);
  return name;
}

function readUpTo(reader: FieldReader): number | undefined {
  const upToMs = reader.uint48();
  return upToMs === wallMsMax ? undefined : upToMs;
}

function readRecords(reader: FieldReader): StoredRecord[] {
  const records: StoredRecord[] = [];
  while (reader.restBytes > 0) {
    const length = reader.peekUint32();
    if (length === 0) throw invalidFrame('a record without bytes');
    records.push(decodeRecord(reader.bytes(length)));
  }
  return records;
}

function writeToken(writer: FieldWriter, token: Token): FieldWriter {
  return writer.uint32(token.high).uint32(token.low);
}

function readToken(reader: FieldReader): Token {
  return { high: reader.uint32(), low: reader.uint32() };
}

function writeRange(writer: FieldWriter, range: TokenRange): FieldWriter {
  return writeToken(writeToken(writer, range.first), range.last);
}

/** Ranges that are none, overlap or run backwards would make the receiver count twice, or for ever. */
function readRanges(reader: FieldReader): TokenRange[] {
  const ranges = list(reader, rangeBytes, limits.treeRangesPerRequest, (): TokenRange => ({
    first: readToken(reader),
    last: readToken(reader),
  }));
  ranges.forEach(({ first, last }, index) => {
    const before = ranges[index - 1]?.last;
    if (compareTokens(first, last) > 0 || (before !== undefined && compareTokens(before, first) >= 0)) {
      throw invalidFrame('token ranges must be ascending and disjoint');
    }
  });
  return ranges;
}

function assertAscending(tokens: readonly Token[], what: string): void {
  tokens.forEach((token, index) => {
    const before = tokens[index - 1];
    if (before !== undefined && compareTokens(before, token) >= 0)
      throw invalidFrame(`${what} do not ascend`);
  });
}

/** A sum takes 12 bytes, here and in heartbeats. */
export function writeSum(writer: FieldWriter, sum: VersionSum): FieldWriter {
  return writer.uint32(sum.high).uint32(sum.low).uint32(sum.count);
}

export function readSum(reader: FieldReader): VersionSum {
  return { high: reader.uint32(), low: reader.uint32(), count: reader.uint32() };
}

function writeNext(writer: FieldWriter, next: Token | undefined): FieldWriter {
  return writeToken(writer.uint8(next === undefined ? 0 : 1), next ?? noToken);
}

function readNext(reader: FieldReader): Token | undefined {
  const more = reader.uint8() === 1;
  const token = readToken(reader);
  return more ? token : undefined;
}
