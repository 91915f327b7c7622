/**
 * The trace of a run for programs: one JSON line for each thing that happens, in the order of virtual time.
 *
 * Every line has `micros` (virtual time), `kind`, and `node` where it happens at one; the other fields depend on
 * the kind and are listed in docs/simulation.md. Two runs of one seed and plan write the same bytes, so a
 * difference of two traces shows where two versions of the code part.
 */

import type { NodeId } from '../core/config.ts';
import { formatDot } from '../core/dot.ts';
import { decodeMessage } from '../protocol/message-codec.ts';
import type { Message } from '../protocol/messages.ts';
import type { Scheduler } from './scheduler.ts';

export type TraceKind =
  /** A process starts, serves, stops, ends. */
  | 'process'
  /** The plan makes something fail. */
  | 'fault'
  /** What exactly a fault did, and when it was over. */
  | 'note'
  /** A client sends a request. */
  | 'request'
  /** A client has its answer, or has given up. */
  | 'answer'
  /** A frame is sent, lost, held or arrives. */
  | 'frame'
  /** A disk operation is done. */
  | 'disk'
  /** A record was merged, read, or kept as a hint. */
  | 'store'
  /** A node logs. */
  | 'log';

export type TraceFields = Readonly<Record<string, string | number | undefined>>;

const decoder = new TextDecoder();

export class TraceLog {
  readonly #write: (line: string) => void;
  #scheduler: Scheduler | undefined;

  /** `write` gets each line without its line end. */
  constructor(write: (line: string) => void) {
    this.#write = write;
  }

  /** A run starts; its virtual time is the trace's. */
  begin(scheduler: Scheduler): void {
    this.#scheduler = scheduler;
  }

  /** Fields that are undefined are left out. */
  add(kind: TraceKind, node: NodeId | undefined, fields: TraceFields): void {
    this.#write(JSON.stringify({ micros: this.#scheduler?.nowMicros ?? 0, kind, node, ...fields }));
  }

  /** A frame, at its receiver when it arrives and at its sender otherwise. */
  addFrame(what: string, from: NodeId, to: NodeId, frame: Uint8Array): void {
    const at = what === 'arrived' ? to : from;
    this.add('frame', at, { what, from, to, bytes: frame.length, ...fieldsOf(decodeMessage(frame)) });
  }
}

/** A key as text for a trace. */
export function keyText(key: Uint8Array): string {
  return decoder.decode(key);
}

function fieldsOf(message: Message): TraceFields {
  const id = `${message.header.incarnation}/${message.header.sequence}`;
  if (message.type === 'reply') return { id, reply: message.reply.kind };
  const { request } = message;
  switch (request.kind) {
    case 'ping':
      return { id, request: 'ping' };
    case 'get':
      return { id, request: 'get', key: keyText(request.key), want: request.want };
    case 'put': {
      const { key, version } = request.record;
      const dot = formatDot(version.dot);
      return { id, request: 'put', key: keyText(key), dot, hintFor: request.hintFor };
    }
    default:
      return { id, request: request.kind };
  }
}
