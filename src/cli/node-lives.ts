/**
 * The lives of one process: the first, and another each time that a peer shows the disk to be an old one.
 *
 * The store stays open; node, connections and ports are made anew, on the same addresses, so that not a message
 * of the former life can be taken for one of the next.
 */

import { join } from 'node:path';

import type { NodeId } from '../core/config.ts';
import { errorMessageOf, StoreError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { describeKnownLife, describeLife, type NodeLife } from '../core/node-life.ts';
import { placementFingerprint, type PlacementTable } from '../core/placement.ts';
import { createHttpFrontend } from '../frontends/http-server.ts';
import { createRedisFrontend } from '../frontends/redis/redis-server.ts';
import { classicLevelFolder } from '../platform/classic-level-store.ts';
import type { FileDisk } from '../platform/file-disk.ts';
import type { PeerTls } from '../platform/peer-tls.ts';
import { httpProtocol, SharedPort, type PortProtocol } from '../platform/port-sharing.ts';
import { canReusePort } from '../platform/reuse-port.ts';
import type { SystemClock } from '../platform/system-clock.ts';
import type { SystemRandom } from '../platform/system-random.ts';
import { TcpTransport } from '../platform/tcp-transport.ts';
import { zlibChecksum } from '../platform/zlib-checksum.ts';
import type { Observer } from '../ports/observer.ts';
import { Counters } from '../replica/counters.ts';
import { LifeAdmission } from '../replica/life-admission.ts';
import { beginNextLife } from '../replica/next-life.ts';
import { vouchedPartitions } from '../replica/node-evidence.ts';
import type { NodeIdentity } from '../replica/node-identity.ts';
import { placementFor, startNode, type DynamoNode } from '../replica/node.ts';
import { snapshotDirectory } from '../storage/checkpoint-file.ts';
import type { KnownPeers } from '../storage/known-peers.ts';
import { logDirectory } from '../storage/segment-name.ts';
import type { Store } from '../storage/store.ts';
import { formatAddress, type Address } from './address.ts';
import { ClosingOrder } from './closing-order.ts';
import type { ServeSettings } from './serve-settings.ts';
import { peerTlsStatus } from './open-peer-tls.ts';
import { packageVersion } from './version.ts';

/** What outlives the change to another incarnation: all that holds the disk. */
export interface NodeParts {
  readonly settings: ServeSettings;
  readonly observer: Observer;
  /** Told when the node must not go on. */
  readonly onFatal: (reason: string) => void;
  readonly clock: SystemClock;
  readonly random: SystemRandom;
  readonly disk: FileDisk;
  readonly store: Store;
  readonly knownPeers: KnownPeers;
  /** Undefined: peers speak without TLS. */
  readonly peerTls: PeerTls | undefined;
}

/** What serves under one identity. */
export interface ServingLife {
  readonly node: DynamoNode;
  readonly address: Address;
  stop(): Promise<void>;
  answerLast(): Promise<void>;
}

export class NodeLives {
  readonly #parts: NodeParts;
  #present: ServingLife | undefined;
  /** The change to the next life that is under way, if any; it never rejects. */
  #changing: Promise<void> = Promise.resolve();
  #isStopping = false;

  constructor(parts: NodeParts) {
    this.#parts = parts;
  }

  /** What serves now, or served last. */
  get present(): ServingLife {
    if (this.#present === undefined) throw new StoreError('NOT_READY', 'the node is starting');
    return this.#present;
  }

  /** Serves under an identity; resolves once it does. */
  async begin(identity: NodeIdentity): Promise<void> {
    // A peer may refuse this life before it serves: the next one then follows it.
    const begun = Promise.withResolvers<void>();
    const { clock, knownPeers, onFatal } = this.#parts;
    const admission = new LifeAdmission({
      self: identity.self,
      memory: knownPeers,
      monotonicNow: () => clock.monotonicNow(),
      events: {
        onRolledBack: (by, known) => {
          this.#changing = begun.promise.then(() => this.#changeLife(identity, by, known));
        },
        onIdInUse: onFatal,
      },
    });
    this.#present = await serveAs(identity, admission, this.#parts, this.#present?.address);
    begun.resolve();
  }

  /** Begins no other life, and ends the present one. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#changing;
    await this.#present?.stop();
  }

  async #changeLife(identity: NodeIdentity, by: NodeId, known: NodeLife): Promise<void> {
    if (this.#isStopping) return;
    const { observer, onFatal, store } = this.#parts;
    observer.log(
      'error',
      'node.rolled-back',
      `the data directory was lost or set back to an older copy: this is ${describeLife(identity.self)}, but ${by} has ` +
        `met ${describeKnownLife(known, identity.self)}. It goes on as a new actor, and its answers prove nothing until ` +
        'it has been compared with the other owners',
    );
    try {
      await this.#present?.stop();
      const next = await beginNextLife(identity, store, known);
      if (this.#isStopping) return;
      await this.begin(next);
      observer.log('info', 'node.restarted', `serves again as ${describeLife(next.self)}`, {
        incarnation: next.incarnation,
      });
    } catch (error) {
      onFatal(`it cannot begin its next life: ${errorMessageOf(error)}`);
    }
  }
}

/** Node, frontend and ports under one identity; `address`: what was listened on before, to be listened on again. */
async function serveAs(
  identity: NodeIdentity,
  admission: LifeAdmission,
  parts: NodeParts,
  address: Address | undefined,
): Promise<ServingLife> {
  const { settings, store, clock, random, observer } = parts;
  const { config, peerListen, sharedListen } = settings;
  const listen = address ?? settings.listen;
  const closing = new ClosingOrder();
  try {
    const placement = placementFor(config);
    const { disk } = parts;
    const vouched = await vouchedPartitions({ disk, observer, placement, self: config.id });
    const counters = new Counters(observer);
    const transport = transportFor(placement, identity, admission, parts, counters);
    const node = await startNode({
      config,
      placement,
      identity,
      store,
      transport,
      clock,
      random,
      observer,
      checksum: zlibChecksum,
      onPeerLog: (peer, logEntries) => admission.logReached(peer, logEntries),
      vouched,
    });
    closing.add(() => node.stop());

    const frontend = createHttpFrontend({
      node,
      observer,
      config: {
        valueBytesMax: config.valueBytesMax,
        paths: pathsOf(settings),
        peerTls: peerTlsStatus(parts.peerTls, transport),
        partsCounters: () => counters.readAll(),
      },
    });
    closing.add(() => frontend.stop());
    const redis = createRedisFrontend({
      node,
      observer,
      config: { valueBytesMax: config.valueBytesMax, version: packageVersion() },
    });
    closing.add(() => redis.stop());

    const http = httpProtocol(frontend.server, frontend.accept);
    const redisOnPort: PortProtocol = {
      claims: (_, firstBytes) => redis.claims(firstBytes),
      accept: redis.accept,
    };
    const clientPort = new SharedPort({
      ...listen,
      // Who gives peers an address of their own may want to keep them off the one for clients.
      protocols: peerListen === undefined ? [...transport.protocols, redisOnPort, http] : [redisOnPort, http],
      clock,
      observer: counters,
    });
    const port = await clientPort.listen();
    closing.add(() => Promise.resolve(clientPort.close()));
    if (peerListen !== undefined) {
      const peerPort = new SharedPort({
        ...peerListen,
        protocols: transport.protocols,
        clock,
        observer: counters,
      });
      await peerPort.listen();
      closing.add(() => Promise.resolve(peerPort.close()));
    }
    if (sharedListen !== undefined && sharesPort(settings, observer)) {
      const sharedPort = new SharedPort({
        ...sharedListen,
        reusePort: canReusePort(process.platform),
        protocols: [redisOnPort, http],
        clock,
        observer: counters,
      });
      await sharedPort.listen();
      closing.add(() => Promise.resolve(sharedPort.close()));
    }
    return {
      node,
      address: { host: listen.host, port },
      stop: () => closing.closeAll(),
      answerLast: async () => void (await Promise.all([frontend.stop(), redis.stop()])),
    };
  } catch (error) {
    await closing.closeAll();
    throw error;
  }
}

function transportFor(
  placement: PlacementTable,
  identity: NodeIdentity,
  admission: LifeAdmission,
  { settings, clock, random, peerTls }: NodeParts,
  observer: Observer,
): TcpTransport {
  const { config } = settings;
  return new TcpTransport({
    self: identity.self,
    admission,
    clusterName: config.clusterName,
    epoch: placement.epoch,
    fingerprint: placementFingerprint(placement),
    peers: peerAddresses(settings),
    ...(peerTls === undefined ? {} : { tls: peerTls }),
    frameBytesMax: config.valueBytesMax + limits.frameOverheadBytes,
    silentMsMax: limits.peerSilenceFactor * config.timing.peerDownAfterMs,
    clock,
    random,
    observer,
  });
}

/** Where a port cannot be shared the first worker has it, and the others are reached at their own. */
function sharesPort({ node, listen }: ServeSettings, observer: Observer): boolean {
  if (canReusePort(process.platform) || node.worker?.number === 1) return true;
  observer.log(
    'warn',
    'worker.port-not-shared',
    `this system cannot share a port among processes: clients reach this worker at ${formatAddress(listen)} only`,
  );
  return false;
}

function peerAddresses(settings: ServeSettings): ConstructorParameters<typeof TcpTransport>[0]['peers'] {
  return settings.nodes
    .filter((node) => node.id !== settings.node.id)
    .map((node) => ({ id: node.id, ...(node.peerAddress ?? node.address) }));
}

/** Where an operator finds the data; hints lie where the records do. */
function pathsOf(settings: ServeSettings): {
  readonly log: string;
  readonly snapshot: string;
  readonly hints: string;
} {
  const { dataDirectory } = settings;
  if (settings.engine === 'classic-level') {
    const log = join(dataDirectory, classicLevelFolder);
    return { log, snapshot: '', hints: log };
  }
  const log = join(dataDirectory, logDirectory);
  return { log, snapshot: join(dataDirectory, snapshotDirectory), hints: log };
}
