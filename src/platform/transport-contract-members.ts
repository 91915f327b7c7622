/**
 * Real transports on loopback ports, for tests: each with a port of its own, and an observer that keeps what
 * was logged so that a test can wait for it.
 */

import type { NodeId } from '../core/config.ts';
import type { LogLevel, Observer } from '../ports/observer.ts';
import {
  contractFrameBytesMax,
  contractLog,
  type RestartedLife,
  type TransportMember,
} from '../ports/transport-contract.ts';
import { RecordingAdmission } from '../ports/transport-contract-admission.ts';
import type { PeerTls } from './peer-tls.ts';
import { SharedPort, type PortProtocol } from './port-sharing.ts';
import { SystemClock } from './system-clock.ts';
import { SystemRandom } from './system-random.ts';
import { TcpTransport, type TcpTransportOptions } from './tcp-transport.ts';

/** Far longer than any of these tests takes. */
const watchdogMs = 20_000;

interface LogLine {
  readonly level: LogLevel;
  readonly event: string;
  readonly message: string;
}

/** Keeps log lines and counters. */
export class RecordingObserver implements Observer {
  readonly lines: LogLine[] = [];
  readonly counters = new Map<string, number>();
  readonly #waiting: (() => void)[] = [];

  log(level: LogLevel, event: string, message: string): void {
    this.lines.push({ level, event, message });
    this.#wake();
  }

  count(counter: string, by = 1): void {
    this.counters.set(counter, (this.counters.get(counter) ?? 0) + by);
    this.#wake();
  }

  /** The messages of an event so far. */
  messages(event: string): readonly string[] {
    return this.lines.filter((line) => line.event === event).map((line) => line.message);
  }

  async untilLogged(event: string, message: RegExp): Promise<void> {
    await this.#until(() => this.messages(event).some((logged) => message.test(logged)));
  }

  async untilCounted(counter: string, least: number): Promise<void> {
    await this.#until(() => (this.counters.get(counter) ?? 0) >= least);
  }

  async #until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

/** What a test may set; ids and addresses are given. */
export interface MemberOptions extends Partial<Omit<TcpTransportOptions, 'self' | 'peers' | 'tls'>> {
  /** Gives a member its certificate; plain connections unless given. */
  readonly tlsOf?: (id: NodeId) => PeerTls | undefined;
}

export class TcpMember implements TransportMember {
  readonly id: NodeId;
  readonly observer = new RecordingObserver();
  /** Changes apply from the next restart. */
  options: MemberOptions;
  incarnation = 1;
  life = 1;
  log = contractLog;
  readonly admission = new RecordingAdmission();
  readonly #addresses: ReadonlyMap<NodeId, { readonly port: number }>;
  #transport: TcpTransport | undefined;
  #shared: SharedPort | undefined;
  #port = 0;

  constructor(
    id: NodeId,
    addresses: ReadonlyMap<NodeId, { readonly port: number }>,
    options: MemberOptions = {},
  ) {
    this.id = id;
    this.options = options;
    this.#addresses = addresses;
  }

  get port(): number {
    return this.#port;
  }

  /** Made when it is first asked for, once all ports are known. */
  get transport(): TcpTransport {
    this.#transport ??= this.#newTransport();
    return this.#transport;
  }

  async listen(): Promise<void> {
    // Of the transport that there is when somebody connects: it is made once all ports are known.
    const protocolOf = (index: number): PortProtocol => ({
      claims: (...first) => this.transport.protocols[index]?.claims(...first),
      accept: (socket) => this.transport.protocols[index]?.accept(socket),
      ...(this.#tls !== undefined && index === 0 ? { acceptsPaused: true } : {}),
    });
    this.#shared = new SharedPort({
      host: '127.0.0.1',
      port: this.#port,
      protocols: this.#tls === undefined ? [protocolOf(0)] : [protocolOf(0), protocolOf(1)],
      clock: new SystemClock(),
      observer: this.observer,
    });
    this.#port = await this.#shared.listen();
  }

  async restart(
    next: RestartedLife = { incarnation: this.incarnation + 1, life: this.life, log: this.log },
  ): Promise<void> {
    await this.close();
    this.incarnation = next.incarnation;
    this.life = next.life;
    this.log = next.log ?? this.log;
    this.admission.refusals.length = 0;
    this.#transport = undefined;
    await this.listen();
  }

  async close(): Promise<void> {
    this.#shared?.close();
    await this.#transport?.stop();
  }

  get #tls(): PeerTls | undefined {
    return this.options.tlsOf?.(this.id);
  }

  #newTransport(): TcpTransport {
    const tls = this.#tls;
    return new TcpTransport({
      clusterName: 'test',
      epoch: 1,
      fingerprint: 0xfeedface,
      frameBytesMax: contractFrameBytesMax,
      clock: new SystemClock(),
      random: new SystemRandom(),
      observer: this.observer,
      ...this.options,
      ...(tls === undefined ? {} : { tls }),
      admission: this.admission,
      self: { id: this.id, incarnation: this.incarnation, life: this.life, log: this.log },
      peers: [...this.#addresses]
        .filter(([id]) => id !== this.id)
        .map(([id, { port }]) => ({ id, host: '127.0.0.1', port })),
    });
  }
}

/** Runs `body` with one listening, unstarted member per id, and closes them afterwards. */
export async function withTcpMembers(
  ids: readonly NodeId[],
  body: (members: readonly TcpMember[]) => Promise<void>,
  options: MemberOptions = {},
): Promise<void> {
  const addresses = new Map<NodeId, TcpMember>();
  for (const id of ids) addresses.set(id, new TcpMember(id, addresses, options));
  const members = [...addresses.values()];
  // A test that waits for what never comes must fail and clean up instead of holding up the whole run.
  const watchdog = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    const lines = members.flatMap((member) =>
      member.observer.lines.map((line) => `${member.id} ${line.event}: ${line.message}`),
    );
    watchdog.reject(new Error(`the test is still waiting; logged so far:\n${lines.join('\n')}`));
  }, watchdogMs);
  try {
    for (const member of members) await member.listen();
    await Promise.race([body(members), watchdog.promise]);
  } finally {
    clearTimeout(timer);
    for (const member of members) await member.close();
  }
}
