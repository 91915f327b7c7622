/**
 * The network between simulated nodes: delays, loss, doubling, reordering, partitions.
 *
 * Connections behave as TCP's do: a peer whose process died resets them at once, a partition or a machine
 * without power is noticed only after a silence, and what was in flight when a connection ended is gone.
 * Within a connection frames stay in order unless the link reorders. A frame is copied when it
 * arrives, so that nodes share no memory and a frame changed after `send` shows as damage at the receiver.
 */

import type { NodeId } from '../core/config.ts';
import type { Admission, Introduction } from '../ports/transport.ts';
import type { Narrator } from './narrator.ts';
import type { Scheduler } from './scheduler.ts';
import { SimConnection } from './sim-connection.ts';
import type { SimRandom } from './sim-random.ts';
import { SimTransport } from './sim-transport.ts';
import type { TraceLog } from './trace-log.ts';
import type { ProcessScope } from './process-scope.ts';

/** How a link treats frames, in one direction. */
export interface LinkConditions {
  readonly delayMicrosMin: number;
  readonly delayMicrosMax: number;
  readonly lossPerMillion: number;
  readonly duplicatePerMillion: number;
  /** Frames that may be overtaken, or overtake, by up to ten times the delay. */
  readonly reorderPerMillion: number;
  /** Sends that the transport refuses as if its queue were full. */
  readonly refusePerMillion: number;
}

export const healthyLink: LinkConditions = {
  delayMicrosMin: 50,
  delayMicrosMax: 500,
  lossPerMillion: 0,
  duplicatePerMillion: 0,
  reorderPerMillion: 0,
  refusePerMillion: 0,
};

/** What becomes of frames sent into a partition: `drop`, or `hold` until it heals, as retransmission does. */
export type Blocked = 'drop' | 'hold';

/** A silent connection is given up after a time drawn from here. */
const silenceMicros = { min: 1_000_000, max: 6_000_000 };
/** A process that died resets its connections within this time. */
const resetMicrosMax = 2_000;
/** The machine that came back answers packets of past connections with a reset within this time. */
const staleResetMicrosMax = 500_000;

export class SimNetwork {
  readonly scheduler: Scheduler;
  readonly random: SimRandom;
  /** Conditions of links that have none of their own. */
  conditions: LinkConditions;
  framesSent = 0;
  framesDelivered = 0;
  framesCut = 0;
  readonly narrator: Narrator | undefined;
  readonly traceLog: TraceLog | undefined;
  /** Told before each frame is taken; may end the sender's life, and then the frame goes nowhere. */
  beforeSend: ((from: NodeId) => void) | undefined;
  readonly #members: readonly NodeId[];
  readonly #transports = new Map<NodeId, SimTransport>();
  readonly #connections = new Set<SimConnection>();
  readonly #linkConditions = new Map<string, LinkConditions>();
  readonly #blocked = new Map<string, Blocked>();

  constructor(options: {
    readonly scheduler: Scheduler;
    readonly random: SimRandom;
    readonly members: readonly NodeId[];
    readonly conditions?: LinkConditions;
    readonly narrator?: Narrator | undefined;
    readonly traceLog?: TraceLog | undefined;
  }) {
    this.scheduler = options.scheduler;
    this.random = options.random;
    this.#members = options.members;
    this.conditions = options.conditions ?? healthyLink;
    this.narrator = options.narrator;
    this.traceLog = options.traceLog;
  }

  /** The transport of a new life of a node. */
  attach(options: {
    readonly self: Introduction;
    readonly scope: ProcessScope;
    readonly admission?: Admission;
  }): SimTransport {
    const { id } = options.self;
    const peers = this.#members.filter((member) => member !== id);
    const transport = new SimTransport({ ...options, network: this, peers });
    this.#transports.set(id, transport);
    for (const connection of this.#connectionsOf(id, transport)) {
      if (!this.isPairBlocked(connection)) {
        this.#closeSoon(connection, staleResetMicrosMax, 'reset by a restarted peer');
      }
    }
    return transport;
  }

  /** A node's life ended: its kernel resets the connections (`killed`), or nobody is left to (`powerLost`). */
  lifeEnded(id: NodeId, manner: 'killed' | 'powerLost'): void {
    const transport = this.#transports.get(id);
    this.#transports.delete(id);
    for (const connection of [...this.#connections]) {
      if (transport === undefined || !connection.joins(transport)) continue;
      connection.abandon(transport);
      if (manner === 'killed' && !this.isPairBlocked(connection)) {
        this.#closeSoon(connection, resetMicrosMax, 'reset by peer');
      } else this.#closeAfterSilence(connection);
    }
  }

  transportOf(id: NodeId): SimTransport | undefined {
    return this.#transports.get(id);
  }

  /** Gives one direction conditions of its own; undefined takes them back. */
  setLink(from: NodeId, to: NodeId, conditions: LinkConditions | undefined): void {
    if (conditions === undefined) this.#linkConditions.delete(linkName(from, to));
    else this.#linkConditions.set(linkName(from, to), conditions);
  }

  link(from: NodeId, to: NodeId): LinkConditions {
    if (this.#linkConditions.size === 0) return this.conditions;
    return this.#linkConditions.get(linkName(from, to)) ?? this.conditions;
  }

  /** Lets nothing through in one direction. Connections over it are given up after a silence. */
  block(from: NodeId, to: NodeId, manner: Blocked = 'drop'): void {
    this.#blocked.set(linkName(from, to), manner);
    for (const connection of this.#connections) {
      if (connection.links(from, to)) this.#closeAfterSilence(connection);
    }
  }

  /** Cuts all links between two groups, both ways. */
  partition(left: readonly NodeId[], right: readonly NodeId[], manner: Blocked = 'drop'): void {
    for (const one of left) {
      for (const other of right) {
        this.block(one, other, manner);
        this.block(other, one, manner);
      }
    }
  }

  unblock(from: NodeId, to: NodeId): void {
    if (!this.#blocked.delete(linkName(from, to))) return;
    for (const connection of [...this.#connections]) {
      if (connection.links(from, to)) connection.releaseHeld(from);
    }
  }

  /** Takes back all partitions, all conditions of single links, and resets that have not struck yet. */
  heal(): void {
    for (const from of this.#members) {
      for (const to of this.#members) this.unblock(from, to);
    }
    this.#linkConditions.clear();
    for (const connection of this.#connections) connection.cutsNextFrame = false;
  }

  blockedBetween(from: NodeId, to: NodeId): Blocked | undefined {
    return this.#blocked.size === 0 ? undefined : this.#blocked.get(linkName(from, to));
  }

  isPairBlocked(connection: SimConnection): boolean {
    const [one, other] = connection.ends;
    return (
      this.blockedBetween(one.transport.id, other.transport.id) !== undefined ||
      this.blockedBetween(other.transport.id, one.transport.id) !== undefined
    );
  }

  /** Ends the connection of two nodes as a reset does: what is in flight is lost. */
  reset(one: NodeId, other: NodeId): void {
    for (const connection of this.#connections) {
      if (connection.links(one, other)) this.#closeSoon(connection, resetMicrosMax, 'reset by the network');
    }
  }

  /** Resets the connection of two nodes in the midst of the next frame that one sends the other. */
  cutNextFrame(one: NodeId, other: NodeId): void {
    for (const connection of this.#connections) {
      if (connection.links(one, other)) connection.cutsNextFrame = true;
    }
  }

  /** A frame was broken off: half a frame is no message, so all that is left of it is the reset. */
  frameCut(connection: SimConnection): void {
    this.framesCut += 1;
    this.#closeSoon(connection, resetMicrosMax, 'reset in the midst of a frame');
  }

  /** Connections that at least one end takes for open, or that are being made. */
  get connections(): number {
    return this.#connections.size;
  }

  /** Bytes of frames that partitions hold back. */
  get heldBytes(): number {
    let bytes = 0;
    for (const connection of this.#connections) bytes += connection.heldBytes;
    return bytes;
  }

  /** Tries to connect `from` to a peer; false when nobody answers there. */
  dial(from: SimTransport, to: NodeId): boolean {
    const target = this.#transports.get(to);
    // Were both to dial at once they would hold two connections: whoever is second waits.
    if (target === undefined || !target.isListening || target.isDialling(from.id)) return false;
    if (this.blockedBetween(from.id, to) !== undefined || this.blockedBetween(to, from.id) !== undefined) {
      return false;
    }
    const connection = new SimConnection(this, from, target);
    this.#connections.add(connection);
    connection.establish();
    return true;
  }

  /** Both ends of a connection are closed. */
  forget(connection: SimConnection): void {
    this.#connections.delete(connection);
  }

  /** A transport was stopped in good order: its peers hear of it. */
  closed(transport: SimTransport): void {
    if (this.#transports.get(transport.id) === transport) this.#transports.delete(transport.id);
    for (const connection of [...this.#connections]) {
      if (connection.joins(transport)) this.#closeSoon(connection, resetMicrosMax, 'closed by peer');
    }
  }

  /** Says what becomes of a frame to whoever listens. */
  tellFrame(what: string, from: NodeId, to: NodeId, frame: Uint8Array): void {
    this.narrator?.tellFrame(what, from, to, frame);
    this.traceLog?.addFrame(what, from, to, frame);
  }

  /** How long a frame takes now. */
  delayMicros(from: NodeId, to: NodeId): number {
    const { delayMicrosMin, delayMicrosMax } = this.link(from, to);
    return this.random.skewed(delayMicrosMin, delayMicrosMax);
  }

  #connectionsOf(id: NodeId, except: SimTransport): SimConnection[] {
    return [...this.#connections].filter((connection) => connection.touches(id) && !connection.joins(except));
  }

  #closeSoon(connection: SimConnection, withinMicros: number, reason: string): void {
    for (const end of connection.ends) {
      this.scheduler.after(1 + this.random.below(withinMicros), () => connection.close(end, reason));
    }
  }

  #closeAfterSilence(connection: SimConnection): void {
    for (const end of connection.ends) {
      const silence = this.random.between(silenceMicros.min, silenceMicros.max);
      this.scheduler.after(silence, () => {
        const isSilent = connection.isAbandoned || this.isPairBlocked(connection);
        if (isSilent) connection.close(end, `no answer for ${Math.round(silence / 1000)} ms`);
      });
    }
  }
}

function linkName(from: NodeId, to: NodeId): string {
  return `${from}>${to}`;
}
