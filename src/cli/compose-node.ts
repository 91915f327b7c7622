/**
 * The composition root of a node: the real disk, clock, network and store, wired to the very same code that
 * runs in the simulator.
 *
 * What was opened is closed in reverse order, also when a later part fails to open: a failed start leaves
 * neither a lock nor a port behind.
 */

import { join } from 'node:path';

import { placementFingerprint } from '../core/placement.ts';
import { limits } from '../core/limits.ts';
import { createHttpFrontend } from '../frontends/http-server.ts';
import { classicLevelFolder, openClassicLevelStore } from '../platform/classic-level-store.ts';
import { FileDisk } from '../platform/file-disk.ts';
import { httpProtocol, SharedPort } from '../platform/port-sharing.ts';
import { SystemClock } from '../platform/system-clock.ts';
import { SystemRandom } from '../platform/system-random.ts';
import { TcpTransport } from '../platform/tcp-transport.ts';
import { zlibChecksum } from '../platform/zlib-checksum.ts';
import type { Observer } from '../ports/observer.ts';
import { NodeIdentity } from '../replica/node-identity.ts';
import { placementFor, startNode, type DynamoNode } from '../replica/node.ts';
import { snapshotDirectory } from '../storage/checkpoint-file.ts';
import { openLogStore } from '../storage/log-store.ts';
import { logDirectory } from '../storage/segment-name.ts';
import type { Store } from '../storage/store.ts';
import { formatAddress, type Address } from './address.ts';
import { removePidFile, writePidFile } from './pid-file.ts';
import type { ServeSettings } from './serve-settings.ts';

export interface RunningNode {
  readonly node: DynamoNode;
  /** What is listened on, with the port that was chosen. */
  readonly address: Address;
  /** Stops accepting, answers what is under way, closes the store with a checkpoint, gives up the lock. */
  stop(): Promise<void>;
  /** Answers what is under way, for a moment; the process must end after it. */
  answerLast(): Promise<void>;
}

/**
 * Starts a node. `onFatal` is told when it must not go on: a sync failed, or its lock is gone. Throws
 * `CONFIG_INVALID`, `DIRECTORY_LOCKED`, `LOG_CORRUPT` and disk errors.
 */
export async function composeNode(
  settings: ServeSettings,
  options: { readonly observer: Observer; readonly onFatal: (reason: string) => void },
): Promise<RunningNode> {
  const opened: (() => Promise<void>)[] = [];
  const closeAll = async (): Promise<void> => {
    for (let close = opened.pop(); close !== undefined; close = opened.pop()) await close();
  };
  try {
    return await openNode(settings, options, { opened, closeAll });
  } catch (error) {
    await closeAll();
    throw error;
  }
}

async function openNode(
  settings: ServeSettings,
  options: { readonly observer: Observer; readonly onFatal: (reason: string) => void },
  closing: { readonly opened: (() => Promise<void>)[]; readonly closeAll: () => Promise<void> },
): Promise<RunningNode> {
  const { config, dataDirectory } = settings;
  const { observer, onFatal } = options;
  const { opened, closeAll } = closing;
  const clock = new SystemClock();
  const random = new SystemRandom();
  const checksum = zlibChecksum;

  const disk = new FileDisk({ root: dataDirectory, onLockLost: onFatal });
  opened.push(await disk.lock());
  await writePidFile(dataDirectory, formatAddress(settings.listen));
  opened.push(() => removePidFile(dataDirectory));

  const identity = await NodeIdentity.open({ disk, config, clock, random });
  const storeOptions = {
    clock,
    observer,
    checksum,
    partitions: config.partitions,
    durability: settings.durability,
    onFailed: onFatal,
  };
  const store: Store =
    settings.engine === 'log'
      ? await openLogStore({ ...storeOptions, disk, random, valueBytesMax: config.valueBytesMax })
      : await openClassicLevelStore({ ...storeOptions, dataDirectory });
  opened.push(() => store.close());

  const placement = placementFor(config);
  const transport = new TcpTransport({
    self: { id: config.id, incarnation: identity.incarnation },
    clusterName: config.clusterName,
    epoch: placement.epoch,
    fingerprint: placementFingerprint(placement),
    peers: peerAddresses(settings),
    frameBytesMax: config.valueBytesMax + limits.frameOverheadBytes,
    clock,
    random,
    observer,
  });
  const node = await startNode({
    config,
    placement,
    identity,
    store,
    transport,
    clock,
    random,
    observer,
    checksum,
  });
  opened.push(() => node.stop());

  const frontend = createHttpFrontend({
    node,
    observer,
    config: { valueBytesMax: config.valueBytesMax, paths: pathsOf(settings) },
  });
  opened.push(() => frontend.stop());

  const http = httpProtocol(frontend.server);
  const { listen, peerListen } = settings;
  const clientPort = new SharedPort({
    ...listen,
    // Who gives peers an address of their own may want to keep them off the one for clients.
    protocols: peerListen === undefined ? [transport.protocol, http] : [http],
    clock,
    observer,
  });
  const port = await clientPort.listen();
  opened.push(() => Promise.resolve(clientPort.close()));
  if (peerListen !== undefined) {
    const peerPort = new SharedPort({ ...peerListen, protocols: [transport.protocol], clock, observer });
    await peerPort.listen();
    opened.push(() => Promise.resolve(peerPort.close()));
  }
  return { node, address: { host: listen.host, port }, stop: closeAll, answerLast: () => frontend.stop() };
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
