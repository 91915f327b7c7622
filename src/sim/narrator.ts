/**
 * Tells the story of one key: each client operation, message, merge and fault, in the order of virtual time.
 *
 * A failing seed is run again with a narrator; since a seed is one history, the story is what happened.
 */

import { equalBytes } from '../core/bytes.ts';
import type { NodeId } from '../core/config.ts';
import { formatDot } from '../core/dot.ts';
import type { VersionDigest } from '../core/record.ts';
import { decodeMessage } from '../protocol/message-codec.ts';
import type { Message, Reply, Request } from '../protocol/messages.ts';
import type { Scheduler } from './scheduler.ts';

/** A story that is longer than this is cut at its front: the end is where the promise broke. */
const linesMax = 400;
/** How often in a row one event of one node is told. */
const repeatsMax = 2;

export class Narrator {
  readonly #key: Uint8Array;
  readonly #lines: string[] = [];
  /** Requests about the key, so that their replies, which do not name it, are told too. */
  readonly #requests = new Set<string>();
  #scheduler: Scheduler | undefined;
  #lastSource = '';
  #repeats = 0;

  constructor(key: Uint8Array) {
    this.#key = key;
  }

  /** A run starts; its virtual time is the story's. */
  begin(scheduler: Scheduler): void {
    this.#scheduler = scheduler;
  }

  get lines(): readonly string[] {
    return this.#lines;
  }

  concerns(key: Uint8Array): boolean {
    return equalBytes(key, this.#key);
  }

  tell(line: string): void {
    const micros = this.#scheduler?.nowMicros ?? 0;
    this.#lines.push(`${(micros / 1000).toFixed(3).padStart(12)} ms  ${line}`);
    if (this.#lines.length > linesMax) this.#lines.shift();
  }

  /** What a node logs; a node that says the same again and again is cut short. */
  tellLog(node: NodeId, event: string, message: string): void {
    const source = `${node} says ${event}`;
    this.#repeats = source === this.#lastSource ? this.#repeats + 1 : 0;
    this.#lastSource = source;
    if (this.#repeats < repeatsMax) this.tell(`${source}: ${message}`);
    else if (this.#repeats === repeatsMax) this.tell(`${source}, and so on`);
  }

  tellFrame(what: string, from: NodeId, to: NodeId, frame: Uint8Array): void {
    const message = decodeMessage(frame);
    const id = `${message.header.incarnation}/${message.header.sequence}`;
    const text = this.#describe(message, `${message.type === 'request' ? from : to}/${id}`);
    if (text !== undefined) this.tell(`${from} → ${to} ${what}: ${text} (${id})`);
  }

  #describe(message: Message, id: string): string | undefined {
    if (message.type === 'reply') {
      return this.#requests.has(id) ? describeReply(message.reply) : undefined;
    }
    const { request } = message;
    const key =
      request.kind === 'put' ? request.record.key : request.kind === 'get' ? request.key : undefined;
    if (key === undefined || !this.concerns(key)) return undefined;
    this.#requests.add(id);
    return describeRequest(request);
  }
}

/** A version in one line. */
export function describeVersion(digest: VersionDigest): string {
  return `${digest.tombstone ? 'tombstone ' : ''}${formatDot(digest.dot)}`;
}

function describeRequest(request: Request): string {
  switch (request.kind) {
    case 'ping':
      return 'ping';
    case 'get':
      return `get ${request.want}`;
    case 'put': {
      const target = request.hintFor === undefined ? '' : ` as a hint for ${request.hintFor}`;
      return `put ${describeVersion(request.record.version)}${target}`;
    }
    default:
      return request.kind;
  }
}

function describeReply(reply: Reply): string {
  switch (reply.kind) {
    case 'record':
      return `record ${describeVersion(reply.record.version)}`;
    case 'digest':
      return `digest ${describeVersion(reply.digest)}`;
    case 'refused':
      return `refused ${reply.code}: ${reply.message}`;
    default:
      return reply.kind;
  }
}
