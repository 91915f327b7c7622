/**
 * The real transport: persistent TCP connections, one per pair of nodes.
 *
 * Of two nodes the one with the smaller id dials, so a pair never races to two connections. A peer that
 * connects anew has given its old connection up, or is a new process, so the newer connection replaces
 * the older one; a past life is refused. Frames queued within one turn of the event loop leave
 * in one write per peer at its end.
 */

import type { Socket } from 'node:net';
import type { NodeId } from '../core/config.ts';
import { limits } from '../core/limits.ts';
import { isSameLife, type NodeLife } from '../core/node-life.ts';
import type { Clock } from '../ports/clock.ts';
import type { LogLevel, Observer } from '../ports/observer.ts';
import type { Random } from '../ports/random.ts';
import type {
  Admission,
  Introduction,
  PeerIdentity,
  Transport,
  TransportHandler,
} from '../ports/transport.ts';
import { LifeAdmission } from '../replica/life-admission.ts';
import { ChangeLog } from './change-log.ts';
import { prefaceFirstByte, type Hello, type Refusal } from './handshake-codec.ts';
import { dials, type HandshakeContext } from './handshake-rules.ts';
import { HandshakeUnderWay, type HandshakeEnd } from './handshake-under-way.ts';
import { acceptPlainly, dialPlainly, type PeerAddress, type PeerChannel } from './peer-channel.ts';
import { PeerConnection } from './peer-connection.ts';
import { PeerDialer } from './peer-dialer.ts';
import { tlsFirstByte, type PeerTls } from './peer-tls.ts';
import type { PortProtocol } from './port-sharing.ts';

export interface TcpTransportOptions {
  readonly self: Introduction;
  /** Which lives of peers are let in; those met since the start of this transport decide unless told. */
  readonly admission?: Admission;
  readonly clusterName: string;
  /** Of the placement table; both must be the same on all nodes. Unsigned 32-bit integers. */
  readonly epoch: number;
  readonly fingerprint: number;
  /** The other members. */
  readonly peers: readonly PeerAddress[];
  /** Connections are encrypted, and both ends known by their certificates; plain unless given. */
  readonly tls?: PeerTls;
  /** Longest frame: the longest value and `limits.frameOverheadBytes`. */
  readonly frameBytesMax: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly observer: Observer;
  /** `limits.peerQueueBytesMax` unless told. */
  readonly queueBytesMax?: number;
  /** `limits.handshakeTimeoutMs` unless told. */
  readonly handshakeTimeoutMs?: number;
  /** A connection over which nothing has come for so long is made anew; kept unless told. Far above the interval of heartbeats. */
  readonly silentMsMax?: number;
}

export class TcpTransport implements Transport {
  readonly #options: TcpTransportOptions;
  readonly #own: Hello;
  readonly #memberIds: ReadonlySet<NodeId>;
  readonly #dialers: readonly PeerDialer[];
  readonly #connections = new Map<NodeId, PeerConnection>();
  readonly #admission: Admission;
  readonly #accepted = new Set<HandshakeUnderWay>();
  readonly #changeLog = new ChangeLog();
  #queued: PeerConnection[] = [];
  #handler: TransportHandler | undefined;
  #isStopping = false;
  #stopped: Promise<void> | undefined;

  constructor(options: TcpTransportOptions) {
    const { self, clusterName, epoch, fingerprint, peers } = options;
    this.#options = options;
    this.#admission = options.admission ?? new LifeAdmission();
    this.#own = { ...self, clusterName, epoch, fingerprint };
    this.#memberIds = new Set(peers.map((peer) => peer.id));
    this.#dialers = peers.filter((peer) => dials(self.id, peer.id)).map((peer) => this.#dialerOf(peer));
  }

  /** How connections between nodes are recognised on a shared port, and where they go. */
  get protocols(): readonly PortProtocol[] {
    const { tls } = this.#options;
    const plain: PortProtocol = {
      claims: (firstByte) => firstByte === prefaceFirstByte,
      accept: (socket) => this.#accept(tls === undefined ? acceptPlainly(socket) : tls.acceptPlain(socket)),
    };
    if (tls === undefined) return [plain];
    const encrypted: PortProtocol = {
      claims: (firstByte) => firstByte === tlsFirstByte,
      accept: (socket) => tls.accept(socket),
      acceptsPaused: true,
    };
    return [encrypted, plain];
  }

  start(handler: TransportHandler): Promise<void> {
    this.#handler = handler;
    this.#options.tls?.start({
      onChannel: (channel) => this.#accept(channel),
      onFailed: (address, reason) => this.#onTlsFailed(address, reason),
    });
    for (const dialer of this.#dialers) dialer.dial();
    return Promise.resolve();
  }

  send(to: NodeId, frame: Uint8Array, tail?: Uint8Array): boolean {
    const connection = this.#connections.get(to);
    const length = frame.length + (tail?.length ?? 0);
    if (connection === undefined || length === 0 || length > this.#options.frameBytesMax) {
      return false;
    }
    if (!connection.send(frame, tail)) {
      this.#options.observer.count('frames.dropped');
      return false;
    }
    if (!connection.isQueued) {
      connection.isQueued = true;
      this.#queued.push(connection);
      if (this.#queued.length === 1) this.#options.clock.nextTurn(this.#flush);
    }
    return true;
  }

  isConnected(peer: NodeId): boolean {
    return this.#connections.has(peer);
  }

  /** Whether what is said to and heard from the peer is encrypted; false without a connection. */
  isEncrypted(peer: NodeId): boolean {
    return this.#connections.get(peer)?.isEncrypted === true;
  }

  /** Gives a connection up, as a silent one gives itself up. It is dialled again. */
  disconnect(peer: NodeId, reason: string): void {
    this.#connections.get(peer)?.destroy(reason);
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  /** Takes over a connection that a peer made. Nothing was read from it yet. */
  #accept(channel: PeerChannel): void {
    const { socket } = channel;
    if (this.#handler === undefined) {
      socket.destroy();
      return;
    }
    socket.setNoDelay(true);
    socket.setKeepAlive(true, limits.keepAliveProbeAfterMs);
    const from = socket.remoteAddress ?? 'an unknown address';
    const handshake: HandshakeUnderWay = new HandshakeUnderWay({
      channel,
      context: this.#contextFor(undefined),
      clock: this.#options.clock,
      timeoutMs: this.#options.handshakeTimeoutMs ?? limits.handshakeTimeoutMs,
      onEnd: (end) => void this.#onHandshakeEnd(end, socket, { address: from }),
      onReleased: () => this.#accepted.delete(handshake),
    });
    this.#accepted.add(handshake);
    if (this.#accepted.size <= limits.peerHandshakesMax) return;
    const [oldest] = this.#accepted;
    if (oldest === undefined) return;
    this.#accepted.delete(oldest);
    oldest.abort();
  }

  #onTlsFailed(address: string, reason: string): void {
    this.#options.observer.count('peers.tls-failed');
    this.#sayOnce(address, 'warn', 'peer.tls-failed', reason);
  }

  #dialerOf(address: PeerAddress): PeerDialer {
    const { clock, random, tls, handshakeTimeoutMs = limits.handshakeTimeoutMs } = this.#options;
    return new PeerDialer({
      connect: () => (tls === undefined ? dialPlainly(address) : tls.dial(address)),
      clock,
      random,
      handshakeTimeoutMs,
      context: this.#contextFor(address.id),
      onEnd: (end, socket) => this.#onHandshakeEnd(end, socket, { dialled: address.id }),
    });
  }

  #contextFor(dialled: NodeId | undefined): Omit<HandshakeContext, 'judgeChannel'> {
    return {
      own: this.#own,
      dialled,
      isMember: (id) => this.#memberIds.has(id),
      judgeLife: (peer) => this.#admission.judge(peer, (known) => this.#isPresent(peer.id, known)),
      remember: (peer) => this.#admission.remember(peer),
    };
  }

  /** `address`: of whoever connected, when this end did not dial. */
  #onHandshakeEnd(
    end: HandshakeEnd,
    socket: Socket,
    { dialled, address }: { readonly dialled?: NodeId; readonly address?: string },
  ): PeerConnection | undefined {
    const source = dialled ?? address ?? 'an unknown address';
    switch (end.kind) {
      case 'open':
        return this.#open(end.peer, socket, end.rest);
      case 'refused': {
        this.#options.observer.count('peers.refused');
        // Whoever is no member may call itself anything: its address is what it can't change as easily.
        const who = end.peer !== undefined && this.#memberIds.has(end.peer.id) ? end.peer.id : source;
        this.#sayOnce(who, 'warn', 'peer.refused', `${end.refusal.code}: ${end.refusal.message}`);
        return undefined;
      }
      case 'refused-by-peer':
        // An address that was dialled is its peer's; whoever dialled us was let in by its own hello.
        this.#tellRefusedLife(end.peer?.id ?? dialled, end.refusal);
        this.#sayOnce(source, 'warn', 'peer.refused-us', `${end.refusal.code}: ${end.refusal.message}`);
        return undefined;
      case 'broken':
        this.#sayOnce(source, 'info', 'peer.unreachable', end.reason);
        return undefined;
    }
  }

  #open(introduction: Introduction, socket: Socket, rest: Uint8Array): PeerConnection | undefined {
    // A newer process of the peer may have come first while this handshake was under way.
    if (this.#admission.judge(introduction, () => false) !== undefined) {
      socket.destroy();
      return undefined;
    }
    const { id, incarnation, life } = introduction;
    const peer: PeerIdentity = { id, incarnation, life };
    this.#connections.get(peer.id)?.destroy('the peer made a new connection');
    const { silentMsMax } = this.#options;
    const connection = new PeerConnection({
      socket,
      peer,
      ...(silentMsMax === undefined ? {} : { silentMsMax }),
      frameBytesMax: this.#options.frameBytesMax,
      queueBytesMax: this.#options.queueBytesMax ?? limits.peerQueueBytesMax,
      clock: this.#options.clock,
      observer: this.#options.observer,
      onFrame: (from, frame) => this.#handler?.onFrame(from, frame),
      onLost: (lost, reason) => this.#onLost(lost, reason),
    });
    this.#connections.set(peer.id, connection);
    this.#changeLog.forget(peer.id);
    this.#options.observer.count('peers.connected');
    this.#options.observer.log('info', 'peer.connected', `connected to ${peer.id}`, { ...peer });
    this.#admission.welcomedBy(peer.id);
    this.#handler?.onConnected(peer);
    connection.receive(rest);
    return connection;
  }

  #tellRefusedLife(by: NodeId | undefined, { code, known }: Refusal): void {
    if (by === undefined || known === undefined) return;
    if (code === 'ROLLED_BACK' || code === 'ID_IN_USE') this.#admission.refusedBy(by, { code, known });
  }

  /** Whether that life of a peer is connected, and not just as the remains of a process that died. */
  #isPresent(id: NodeId, life: NodeLife): boolean {
    const connection = this.#connections.get(id);
    if (connection === undefined || !isSameLife(connection.peer, life)) return false;
    return this.#options.clock.monotonicNow() - connection.lastHeardMs < limits.peerPresentMs;
  }

  #onLost(connection: PeerConnection, reason: string): void {
    const { peer } = connection;
    this.#connections.delete(peer.id);
    this.#options.observer.count('peers.disconnected');
    if (!this.#isStopping) {
      this.#options.observer.log(
        'warn',
        'peer.disconnected',
        `lost the connection to ${peer.id}: ${reason}`,
        {
          ...peer,
        },
      );
    }
    this.#handler?.onDisconnected(peer, reason);
  }

  readonly #flush = (): void => {
    const queued = this.#queued;
    this.#queued = [];
    for (const connection of queued) {
      connection.isQueued = false;
      connection.flush();
    }
  };

  async #stop(): Promise<void> {
    this.#isStopping = true;
    this.#handler = undefined;
    for (const dialer of this.#dialers) dialer.stop();
    this.#options.tls?.stop();
    for (const handshake of this.#accepted) handshake.abort();
    const connections = [...this.#connections.values()];
    await Promise.all(connections.map((connection) => connection.finish('this node is stopping')));
  }

  #sayOnce(source: string, level: LogLevel, event: string, message: string): void {
    const { clock, observer } = this.#options;
    if (!this.#changeLog.isNews(source, message, clock.monotonicNow())) return;
    observer.log(level, event, message, { peer: source });
  }
}
