/**
 * What two nodes say to each other before the first frame, as bytes. Integers are big-endian.
 *
 *   preface  0  u32  00 'M' 'D' 'N': no HTTP request and no Redis command starts with a zero byte
 *            4  u8   protocol version, 3
 *   message  0  u8   kind: 1 hello, 2 welcome, 3 refusal, 4 known life
 *            1  u16  length of the body, at most 600
 *            3       body
 *   hello    0  u32  incarnation
 *            4  u32  life, see `core/node-life.ts`
 *            8  u32  placement epoch
 *           12  u32  placement fingerprint
 *           16  u48  entries in its log when it started, see `core/node-life.ts`
 *           22  u32  incarnation since which its disk counts them
 *           26  u8   length of the node id, then the id
 *               u8   length of the cluster name, then the name in UTF-8
 *               u8   length of the generation of its disk, then the generation
 *   welcome          empty
 *   refusal  0  u8   reason, see `refusalCodes`
 *            1       a sentence for the operator, printable ASCII, at most 500
 *   known life       goes before a refusal for the sake of another life of the same node
 *            0  u32  incarnation
 *            4  u32  life
 *
 * Each side sends its preface once, before its first message. The preface and the refusal keep their
 * form in all versions, so that nodes of two versions can at least tell their operators why.
 */

import { readUint16, readUint32, readUint48, writeUint16, writeUint32, writeUint48 } from '../core/bytes.ts';
import { isNodeId, type NodeId } from '../core/config.ts';
import { StoreError } from '../core/errors.ts';
import { isGeneration, type LoggedLife, type NodeLife } from '../core/node-life.ts';

export const protocolVersion = 3;
/** The first byte of every connection between nodes. */
export const prefaceFirstByte = 0x00;

const magic = 0x00_4d_44_4e;
const prefaceBytes = 5;
const messageHeaderBytes = 3;
const helloFixedBytes = 26;
const knownLifeBytes = 8;
const bodyBytesMax = 600;
const sentenceLengthMax = 500;
const clusterNameBytesMax = 255;

const kindHello = 1;
const kindWelcome = 2;
const kindRefusal = 3;
const kindKnownLife = 4;

/** Why a connection is refused. The position is the number on the wire: only ever append. */
const refusalCodes = [
  'PROTOCOL_INVALID',
  'VERSION_UNSUPPORTED',
  'WRONG_CLUSTER',
  'OWN_ID',
  'UNKNOWN_NODE',
  'WRONG_NODE',
  'WRONG_DIRECTION',
  'PLACEMENT_MISMATCH',
  'ROLLED_BACK',
  'ID_IN_USE',
  'TLS_REQUIRED',
  'CERTIFICATE_REFUSED',
] as const;
export type RefusalCode = (typeof refusalCodes)[number];

export interface Refusal {
  readonly code: RefusalCode;
  /** A sentence that says what does not fit and what to do. */
  readonly message: string;
  /** The life that stands in the way; with `ROLLED_BACK` and `ID_IN_USE`. */
  readonly known?: NodeLife;
}

/** How a node introduces itself. */
export interface Hello extends LoggedLife {
  readonly id: NodeId;
  readonly clusterName: string;
  readonly epoch: number;
  readonly fingerprint: number;
}

export type HandshakeMessage =
  | { readonly kind: 'preface'; readonly version: number }
  | { readonly kind: 'hello'; readonly hello: Hello }
  | { readonly kind: 'welcome' }
  | { readonly kind: 'refusal'; readonly refusal: Refusal };

export function encodePreface(version = protocolVersion): Uint8Array {
  const bytes = new Uint8Array(prefaceBytes);
  writeUint32(bytes, 0, magic);
  bytes[4] = version;
  return bytes;
}

/** Throws `CONFIG_INVALID` when the node's own cluster name is too long to introduce itself with. */
export function encodeHello(hello: Hello): Uint8Array {
  const id = new TextEncoder().encode(hello.id);
  const clusterName = new TextEncoder().encode(hello.clusterName);
  if (clusterName.length > clusterNameBytesMax) {
    throw new StoreError(
      'CONFIG_INVALID',
      `the cluster name has ${clusterName.length} bytes; at most ${clusterNameBytesMax} are allowed`,
    );
  }
  const generation = new TextEncoder().encode(hello.log.generation);
  const body = new Uint8Array(helloFixedBytes + 3 + id.length + clusterName.length + generation.length);
  writeUint32(body, 0, hello.incarnation);
  writeUint32(body, 4, hello.life);
  writeUint32(body, 8, hello.epoch);
  writeUint32(body, 12, hello.fingerprint);
  writeUint48(body, 16, hello.log.entries);
  writeUint32(body, 22, hello.log.since);
  let offset = helloFixedBytes;
  for (const text of [id, clusterName, generation]) {
    body[offset] = text.length;
    body.set(text, offset + 1);
    offset += 1 + text.length;
  }
  return encodeMessage(kindHello, body);
}

export function encodeWelcome(): Uint8Array {
  return encodeMessage(kindWelcome, new Uint8Array(0));
}

export function encodeRefusal(refusal: Refusal): Uint8Array {
  const sentence = new TextEncoder().encode(printable(refusal.message));
  const body = new Uint8Array(1 + sentence.length);
  body[0] = refusalCodes.indexOf(refusal.code);
  body.set(sentence, 1);
  const message = encodeMessage(kindRefusal, body);
  return refusal.known === undefined ? message : joinBytes(encodeKnownLife(refusal.known), message);
}

function encodeKnownLife(known: NodeLife): Uint8Array {
  const body = new Uint8Array(knownLifeBytes);
  writeUint32(body, 0, known.incarnation);
  writeUint32(body, 4, known.life);
  return encodeMessage(kindKnownLife, body);
}

function encodeMessage(kind: number, body: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(messageHeaderBytes + body.length);
  bytes[0] = kind;
  writeUint16(bytes, 1, body.length);
  bytes.set(body, messageHeaderBytes);
  return bytes;
}

/** Reads a stream of handshake messages that arrives in pieces of any size. */
export class HandshakeReader {
  #pending: Uint8Array = new Uint8Array(0);
  #hasPreface = false;
  #knownLife: NodeLife | undefined;

  /** Takes in what arrived. Keep calling `next` until it has no more. */
  push(chunk: Uint8Array): void {
    this.#pending = joinBytes(this.#pending, chunk);
  }

  /** The next whole message; undefined when more bytes are needed. Throws `FRAME_INVALID`. */
  next(): HandshakeMessage | undefined {
    return this.#hasPreface ? this.#nextMessage() : this.#preface();
  }

  /** What arrived after the last message: the beginning of the first frame. */
  rest(): Uint8Array {
    return this.#pending;
  }

  #preface(): HandshakeMessage | undefined {
    const bytes = this.#pending;
    for (let index = 0; index < Math.min(bytes.length, 4); index++) {
      if (bytes[index] !== ((magic >>> (24 - 8 * index)) & 0xff)) {
        throw invalid(
          'the other end does not speak the protocol of this store: is that address another program?',
        );
      }
    }
    if (bytes.length < prefaceBytes) return undefined;
    this.#hasPreface = true;
    this.#pending = bytes.subarray(prefaceBytes);
    return { kind: 'preface', version: bytes[4] ?? 0 };
  }

  #nextMessage(): HandshakeMessage | undefined {
    const bytes = this.#pending;
    if (bytes.length < messageHeaderBytes) return undefined;
    const bodyLength = readUint16(bytes, 1);
    if (bodyLength > bodyBytesMax) throw invalid(`a handshake message claims ${bodyLength} bytes`);
    const end = messageHeaderBytes + bodyLength;
    if (bytes.length < end) return undefined;
    const body = bytes.subarray(messageHeaderBytes, end);
    this.#pending = bytes.subarray(end);
    switch (bytes[0]) {
      case kindHello:
        return { kind: 'hello', hello: decodeHello(body) };
      case kindWelcome:
        return { kind: 'welcome' };
      case kindRefusal:
        return { kind: 'refusal', refusal: decodeRefusal(body, this.#knownLife) };
      case kindKnownLife:
        if (body.length !== knownLifeBytes) throw invalid('a known life of another length');
        this.#knownLife = { incarnation: readUint32(body, 0), life: readUint32(body, 4) };
        return this.#nextMessage();
      default:
        throw invalid(`handshake message of unknown kind ${bytes[0]}`);
    }
  }
}

function decodeHello(body: Uint8Array): Hello {
  let offset = helloFixedBytes;
  const nextText = (): string => {
    const end = offset + 1 + (body[offset] ?? 0);
    if (offset >= body.length || end > body.length) throw invalid('the lengths in a hello do not add up');
    const text = new TextDecoder().decode(body.subarray(offset + 1, end));
    offset = end;
    return text;
  };
  const [id, clusterName, generation] = [nextText(), nextText(), nextText()];
  if (offset !== body.length) throw invalid('the lengths in a hello do not add up');
  if (!isNodeId(id)) throw invalid('the node id in a hello is none');
  if (!isGeneration(generation)) throw invalid('the generation in a hello is none');
  return {
    id,
    clusterName,
    incarnation: readUint32(body, 0),
    life: readUint32(body, 4),
    epoch: readUint32(body, 8),
    fingerprint: readUint32(body, 12),
    log: { generation, since: readUint32(body, 22), entries: readUint48(body, 16) },
  };
}

function decodeRefusal(body: Uint8Array, known: NodeLife | undefined): Refusal {
  // A code from a later version still comes with its sentence.
  const code = refusalCodes[body[0] ?? 0] ?? 'PROTOCOL_INVALID';
  const message = printable(new TextDecoder().decode(body.subarray(1)));
  return known === undefined ? { code, message } : { code, message, known };
}

function joinBytes(first: Uint8Array, second: Uint8Array): Uint8Array {
  const joined = new Uint8Array(first.length + second.length);
  joined.set(first);
  joined.set(second, first.length);
  return joined;
}

/** What a stranger wrote ends up in a log line, where a line break would be a forged entry. */
function printable(text: string): string {
  return text.slice(0, sentenceLengthMax).replaceAll(/[^\x20-\x7e]/g, '?');
}

function invalid(message: string): StoreError {
  return new StoreError('FRAME_INVALID', message);
}
