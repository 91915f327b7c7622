/**
 * Whether two nodes may talk: a pure decision on what each says of itself.
 *
 * Nodes of different clusters or placement tables would store each other's keys in the wrong places,
 * and a life whose disk was set back would confirm writes that it no longer holds. Both ends decide, so a
 * refusal is seen by both operators.
 */

import type { NodeId } from '../core/config.ts';
import { describeKnownLife, describeLife } from '../core/node-life.ts';
import type { Introduction, LifeRefusal, PeerIdentity } from '../ports/transport.ts';
import type { Hello, Refusal, RefusalCode } from './handshake-codec.ts';

export interface HandshakeContext {
  readonly own: Hello;
  /** Whom this end dialled; undefined at the end that was dialled. */
  readonly dialled: NodeId | undefined;
  readonly isMember: (id: NodeId) => boolean;
  /** Why a node of that id must not be believed on this connection, whatever it says; see `PeerChannel`. */
  readonly judgeChannel: (id: NodeId) => Refusal | undefined;
  /** Whether the life of a peer is let in; see `Admission`. */
  readonly judgeLife: (peer: Introduction) => LifeRefusal | undefined;
  /** Keeps the life of a peer before the connection opens; see `Admission`. */
  readonly remember: (peer: Introduction) => Promise<void> | undefined;
}

/** Of two nodes the one with the smaller id dials: one connection a pair, without a race. */
export function dials(self: NodeId, peer: NodeId): boolean {
  return self < peer;
}

/** Why the other end must be refused; undefined when it is welcome. */
export function judgeHello(hello: Hello, context: HandshakeContext): Refusal | undefined {
  const { own, dialled } = context;
  // First, so that a stranger is told nothing of this cluster.
  const refusedChannel = context.judgeChannel(hello.id);
  if (refusedChannel !== undefined) return refusedChannel;
  if (hello.clusterName !== own.clusterName) {
    return refusal(
      'WRONG_CLUSTER',
      `${own.id} belongs to cluster ${JSON.stringify(own.clusterName)}, ${hello.id} to ` +
        `${JSON.stringify(hello.clusterName)}: check the addresses, or the cluster name of both`,
    );
  }
  if (hello.id === own.id) {
    return refusal(
      'OWN_ID',
      `both ends are called ${own.id}: give each node an id and an address of its own`,
    );
  }
  if (!context.isMember(hello.id)) {
    return refusal('UNKNOWN_NODE', `${own.id} knows no node ${hello.id}: use the same list of nodes on both`);
  }
  if (dialled !== undefined && hello.id !== dialled) {
    return refusal(
      'WRONG_NODE',
      `the address of ${dialled} is answered by ${hello.id}: correct it in the list of nodes`,
    );
  }
  if (dialled === undefined && dials(own.id, hello.id)) {
    return refusal('WRONG_DIRECTION', `${own.id} dials ${hello.id}, not the other way round`);
  }
  if (hello.epoch !== own.epoch || hello.fingerprint !== own.fingerprint) {
    return refusal(
      'PLACEMENT_MISMATCH',
      `${own.id} places keys by epoch ${own.epoch} (${hex(own.fingerprint)}), ${hello.id} by epoch ${hello.epoch} ` +
        `(${hex(hello.fingerprint)}): nodes, weights, zones, vnodes and n must be the same on all`,
    );
  }
  const refusedLife = context.judgeLife(introductionOf(hello));
  return refusedLife === undefined ? undefined : lifeRefusal(own.id, hello, refusedLife);
}

/** What of a hello the transport reports. */
export function identityOf({ id, incarnation, life }: Hello): PeerIdentity {
  return { id, incarnation, life };
}

/** What of a hello decides whether its life is let in. */
export function introductionOf({ id, incarnation, life, log }: Hello): Introduction {
  return { id, incarnation, life, log };
}

function lifeRefusal(own: NodeId, hello: Hello, { code, known }: LifeRefusal): Refusal {
  const lives = `${hello.id} says ${describeLife(hello)}, but ${own} has met ${describeKnownLife(known, hello)}`;
  const message =
    code === 'ROLLED_BACK'
      ? `${lives}: the data directory of ${hello.id} was lost or set back to an older copy`
      : `${lives}, which is connected now: two processes call themselves ${hello.id}, perhaps on copies of one ` +
        'data directory. Stop one of them for good';
  return { code, message, known };
}

function refusal(code: RefusalCode, message: string): Refusal {
  return { code, message };
}

function hex(fingerprint: number): string {
  return fingerprint.toString(16).padStart(8, '0');
}
