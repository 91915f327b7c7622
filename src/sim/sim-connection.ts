/**
 * One simulated TCP connection between two lives of two nodes.
 *
 * Each end learns on its own that the connection stands or has ended; in between it may send into the
 * void. The accepting end knows first, as with a real handshake. Before that each end judges the life at the
 * other and remembers it, as `platform/handshake.ts` does; what a disk takes for that the handshake takes too.
 */

import type { NodeId } from '../core/config.ts';
import { limits } from '../core/limits.ts';
import type { SimNetwork } from './sim-network.ts';
import type { SimTransport } from './sim-transport.ts';

export interface ConnectionEnd {
  readonly transport: SimTransport;
  isOpen: boolean;
  /** When this end learns that the connection stands. */
  opensAtMicros: number;
  /** The next frame toward this end arrives after this. */
  lastArrivalMicros: number;
  /** Frames toward this end that a partition holds back. */
  held: Uint8Array[];
}

/** A frame that may be overtaken arrives up to this many delays late. */
const reorderDelaysMax = 10;

export class SimConnection {
  readonly ends: readonly [dialer: ConnectionEnd, acceptor: ConnectionEnd];
  readonly #network: SimNetwork;
  #isAbandoned = false;
  #cutsNextFrame = false;
  #isEstablished = false;
  /** The handshake came to nothing. */
  #hasFailed = false;

  constructor(network: SimNetwork, dialer: SimTransport, acceptor: SimTransport) {
    this.#network = network;
    this.ends = [newEnd(dialer), newEnd(acceptor)];
  }

  /** True once one end's machine is gone without a word. */
  get isAbandoned(): boolean {
    return this.#isAbandoned;
  }

  /** Bytes that a partition holds back, both ways. */
  get heldBytes(): number {
    let bytes = 0;
    for (const end of this.ends) for (const frame of end.held) bytes += frame.length;
    return bytes;
  }

  joins(transport: SimTransport): boolean {
    return this.ends[0].transport === transport || this.ends[1].transport === transport;
  }

  touches(id: NodeId): boolean {
    return this.ends[0].transport.id === id || this.ends[1].transport.id === id;
  }

  links(one: NodeId, other: NodeId): boolean {
    return this.touches(one) && this.touches(other) && one !== other;
  }

  /** Shakes hands: a round trip until the acceptor knows, half of one more until the dialer does. */
  establish(): void {
    const [dialer, acceptor] = this.ends;
    const there = (): number => this.#network.delayMicros(dialer.transport.id, acceptor.transport.id);
    const back = (): number => this.#network.delayMicros(acceptor.transport.id, dialer.transport.id);
    const { scheduler } = this.#network;
    scheduler.after(limits.handshakeTimeoutMs * 1_000, () => this.#fail());
    this.#introduce(dialer, acceptor, there(), () => {
      this.#introduce(acceptor, dialer, back(), () => {
        scheduler.after(there(), () => this.#open(back()));
      });
    });
  }

  /** After a delay one end's hello is at the other, which judges and remembers it, and only then goes on. */
  #introduce(from: ConnectionEnd, to: ConnectionEnd, delayMicros: number, onward: () => void): void {
    const { scheduler } = this.#network;
    scheduler.after(delayMicros, () => {
      if (!this.#isPossible(to)) return this.#fail();
      const { transport } = to;
      const refusal = transport.judge(from.transport.self);
      if (refusal !== undefined) {
        const delay = this.#network.delayMicros(transport.id, from.transport.id);
        scheduler.after(delay, () => from.transport.refusedBy(transport.id, refusal));
        return this.#fail();
      }
      const remembering = transport.remember(from.transport.self);
      if (remembering === undefined) onward();
      else void remembering.then(onward);
    });
  }

  #open(backMicros: number): void {
    const [dialer, acceptor] = this.ends;
    const { scheduler } = this.#network;
    // Known before the acceptor is told, who may send at once: nothing arrives before the dialer knows too.
    dialer.opensAtMicros = scheduler.nowMicros + backMicros;
    const isOpen = this.#isPossible(dialer) && acceptor.transport.accept(this, acceptor, dialer.transport);
    if (!isOpen) return this.#fail();
    this.#isEstablished = true;
    scheduler.at(dialer.opensAtMicros, () => {
      if (acceptor.isOpen && dialer.transport.accept(this, dialer, acceptor.transport)) return;
      this.#close();
    });
  }

  #isPossible(end: ConnectionEnd): boolean {
    return !this.#hasFailed && !this.#network.isPairBlocked(this) && end.transport.isListening;
  }

  /** Whether the next frame is broken off in its midst, and the connection with it; whoever sends it does not know. */
  set cutsNextFrame(cuts: boolean) {
    this.#cutsNextFrame = cuts;
  }

  /** Carries a frame from one end to the other, as the link allows. */
  send(from: ConnectionEnd, frame: Uint8Array): boolean {
    const network = this.#network;
    const to = this.#otherEnd(from);
    const link = network.link(from.transport.id, to.transport.id);
    if (link.refusePerMillion > 0 && network.random.chance(link.refusePerMillion)) return false;
    network.framesSent += 1;
    if (this.#cutsNextFrame) {
      this.#cutsNextFrame = false;
      network.tellFrame('cut', from.transport.id, to.transport.id, frame);
      network.frameCut(this);
      return true;
    }
    if (link.lossPerMillion > 0 && network.random.chance(link.lossPerMillion)) {
      network.tellFrame('lost', from.transport.id, to.transport.id, frame);
      return true;
    }
    const blocked = network.blockedBetween(from.transport.id, to.transport.id);
    network.tellFrame(blocked ?? 'sent', from.transport.id, to.transport.id, frame);
    if (blocked === 'hold') to.held.push(frame);
    if (blocked !== undefined) return true;
    this.#carry(from, to, frame);
    if (link.duplicatePerMillion > 0 && network.random.chance(link.duplicatePerMillion)) {
      this.#carry(from, to, frame);
    }
    return true;
  }

  /** The partition on the way from `from` is over: what it held arrives after all. */
  releaseHeld(from: NodeId): void {
    for (const end of this.ends) {
      if (end.transport.id === from) continue;
      for (const frame of end.held.splice(0)) this.#carry(this.#otherEnd(end), end, frame);
    }
  }

  /** One end learns that the connection is over. */
  close(end: ConnectionEnd, reason: string): void {
    if (!this.#isEstablished) return this.#fail();
    if (end.isOpen) {
      end.isOpen = false;
      end.held = [];
      end.transport.lost(this, this.#otherEnd(end).transport, reason);
    }
    if (!this.ends[0].isOpen && !this.ends[1].isOpen) this.#network.forget(this);
  }

  /** The life at one end is over, and the end with it; the other does not know yet. */
  abandon(transport: SimTransport): void {
    this.#isAbandoned = true;
    for (const end of this.ends) {
      if (end.transport === transport) end.isOpen = false;
    }
  }

  /** One end closes by itself; the other hears of it. */
  closeFrom(end: ConnectionEnd, reason: string): void {
    const other = this.#otherEnd(end);
    end.isOpen = false;
    const delay = this.#network.delayMicros(end.transport.id, other.transport.id);
    this.#network.scheduler.after(delay, () => this.close(other, reason));
  }

  #otherEnd(end: ConnectionEnd): ConnectionEnd {
    return end === this.ends[0] ? this.ends[1] : this.ends[0];
  }

  #carry(from: ConnectionEnd, to: ConnectionEnd, frame: Uint8Array): void {
    const network = this.#network;
    const { scheduler, random } = network;
    const link = network.link(from.transport.id, to.transport.id);
    const delay = network.delayMicros(from.transport.id, to.transport.id);
    let arrival = Math.max(scheduler.nowMicros + delay, to.opensAtMicros + 1);
    if (link.reorderPerMillion > 0 && random.chance(link.reorderPerMillion)) {
      arrival += random.below(reorderDelaysMax * delay + 1);
    } else {
      arrival = Math.max(arrival, to.lastArrivalMicros + 1);
      to.lastArrivalMicros = arrival;
    }
    scheduler.at(arrival, () => {
      to.transport.scope.enter(() => {
        if (!to.isOpen) return;
        network.framesDelivered += 1;
        scheduler.trace.addBytes(frame);
        network.tellFrame('arrived', from.transport.id, to.transport.id, frame);
        to.transport.arrived(from.transport, frame.slice());
      });
    });
  }

  /** The handshake comes to nothing; without effect on a connection that stands. */
  #fail(): void {
    if (this.#hasFailed || this.#isEstablished) return;
    this.#hasFailed = true;
    this.#giveUp();
  }

  /** The acceptor held it for open and the dialer does not. */
  #close(): void {
    this.close(this.ends[1], 'the handshake failed');
    this.#giveUp();
  }

  #giveUp(): void {
    const [dialer, acceptor] = this.ends;
    this.#network.forget(this);
    dialer.transport.dialFailed(acceptor.transport.id);
  }
}

function newEnd(transport: SimTransport): ConnectionEnd {
  return { transport, isOpen: false, opensAtMicros: 0, lastArrivalMicros: 0, held: [] };
}
