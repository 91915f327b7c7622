/**
 * What carries the handshake between two nodes: a socket, when it may be spoken on, and whether it does for a node of some id.
 */

import { connect, type Socket } from 'node:net';
import type { NodeId } from '../core/config.ts';
import { limits } from '../core/limits.ts';
import type { Refusal } from './handshake-codec.ts';

export interface PeerAddress {
  readonly id: NodeId;
  /** A name or an IP address, IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
}

export interface PeerChannel {
  /** Connecting or connected; nothing was read from it yet. */
  readonly socket: Socket;
  /** Told by the socket when this end may speak; undefined when it may at once. */
  readonly readyEvent: 'secureConnect' | undefined;
  /** Why a node of that id must not be believed on this channel, if so. Asked once the other end has spoken. */
  readonly judge: (id: NodeId) => Refusal | undefined;
}

/** Dials without encryption. */
export function dialPlainly({ host, port }: PeerAddress): PeerChannel {
  const socket = connect({
    host,
    port,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: limits.keepAliveProbeAfterMs,
  });
  return { socket, readyEvent: undefined, judge: () => undefined };
}

/** A connection without encryption that a peer made, where that is allowed. */
export function acceptPlainly(socket: Socket): PeerChannel {
  return { socket, readyEvent: undefined, judge: () => undefined };
}
