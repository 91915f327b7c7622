/**
 * The composition root of a node: the real disk, clock, network and store, wired to the very same code that
 * runs in the simulator.
 *
 * What was opened is closed in reverse order, also when a later part fails to open: a failed start leaves
 * neither a lock nor a port behind.
 */

import { openClassicLevelStore } from '../platform/classic-level-store.ts';
import { FileDisk } from '../platform/file-disk.ts';
import { SystemClock } from '../platform/system-clock.ts';
import { SystemRandom } from '../platform/system-random.ts';
import { zlibChecksum } from '../platform/zlib-checksum.ts';
import type { Observer } from '../ports/observer.ts';
import { NodeIdentity } from '../replica/node-identity.ts';
import type { DynamoNode } from '../replica/node.ts';
import { KnownPeers } from '../storage/known-peers.ts';
import { openLogStore } from '../storage/log-store.ts';
import type { Store } from '../storage/store.ts';
import { formatAddress, type Address } from './address.ts';
import { ClosingOrder } from './closing-order.ts';
import { NodeLives, type NodeParts } from './node-lives.ts';
import { openPeerTls } from './open-peer-tls.ts';
import { removePidFile, writePidFile } from './pid-file.ts';
import type { ServeSettings } from './serve-settings.ts';

export interface RunningNode {
  /** The node that serves now, or served last: another after the disk turned out to be an old one. */
  readonly node: DynamoNode;
  /** What is listened on, with the port that was chosen. */
  readonly address: Address;
  /** Stops accepting, answers what is under way, closes the store with a checkpoint, gives up the lock. */
  stop(): Promise<void>;
  /** Answers what is under way, for a moment; the process must end after it. */
  answerLast(): Promise<void>;
}

export interface ComposeOptions {
  readonly observer: Observer;
  /** Told when the node must not go on: a sync failed, its lock is gone, or another process has its id. */
  readonly onFatal: (reason: string) => void;
}

/** Starts a node. Throws `CONFIG_INVALID`, `DIRECTORY_LOCKED`, `LOG_CORRUPT` and disk errors. */
export async function composeNode(settings: ServeSettings, options: ComposeOptions): Promise<RunningNode> {
  const closing = new ClosingOrder();
  try {
    const parts = await openParts(settings, options, closing);
    const { config } = settings;
    const identity = await NodeIdentity.open({
      disk: parts.disk,
      config,
      random: parts.random,
      logEntries: parts.store.status().logEntries,
    });
    const lives = new NodeLives(parts);
    closing.add(() => lives.stop());
    await lives.begin(identity);
    return {
      get node() {
        return lives.present.node;
      },
      address: lives.present.address,
      stop: () => closing.closeAll(),
      answerLast: () => lives.present.answerLast(),
    };
  } catch (error) {
    await closing.closeAll();
    throw error;
  }
}

async function openParts(
  settings: ServeSettings,
  options: ComposeOptions,
  closing: ClosingOrder,
): Promise<NodeParts> {
  const { config, dataDirectory } = settings;
  const { observer, onFatal } = options;
  const clock = new SystemClock();
  const random = new SystemRandom();
  const peerTls = openPeerTls(settings, clock, observer);

  const disk = new FileDisk({ root: dataDirectory, onLockLost: onFatal });
  closing.add(await disk.lock());
  await writePidFile(dataDirectory, formatAddress(settings.listen));
  closing.add(() => removePidFile(dataDirectory));

  const storeOptions = {
    clock,
    observer,
    checksum: zlibChecksum,
    partitions: config.partitions,
    durability: settings.durability,
    onFailed: onFatal,
  };
  const store: Store =
    settings.engine === 'log'
      ? await openLogStore({ ...storeOptions, disk, random, valueBytesMax: config.valueBytesMax })
      : await openClassicLevelStore({ ...storeOptions, dataDirectory });
  closing.add(() => store.close());
  const members = config.members.map((member) => member.id);
  const knownPeers = await KnownPeers.open({ disk, members, observer });
  closing.add(() => knownPeers.close());
  return { ...options, settings, clock, random, disk, store, knownPeers, peerTls };
}
