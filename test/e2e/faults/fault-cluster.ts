/**
 * Real nodes in a fault network: each can be killed, paused, given another clock, or a disk that is
 * full or fails to sync.
 *
 * Their data lies in memory, so that it goes with the world that they live in; a kill loses nothing that
 * the kernel has, synced or not, which is what a kill does.
 */

import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, readFileSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import type { NodeId } from '../../../src/core/config.ts';
import { nodeOf, type ClusterNode } from '../../../src/cli/cluster-settings.ts';
import { childEnvironment } from '../../../src/cli/compile-cache.ts';
import { hasStatus, KeyClient } from '../../../src/cli/key-client.ts';
import { heapFlags } from '../../../src/cli/program-process.ts';
import { openLocalCluster, type LocalCluster } from '../../../src/cli/local-cluster.ts';
import { requestNode } from '../../../src/cli/node-client.ts';
import { waitUntil } from '../../../src/cli/wait-until.ts';
import { mainPath } from '../run-command.ts';
import { FakeClock, fakeClockLibrary } from './fake-clock.ts';
import { FaultNetwork } from './fault-network.ts';

/** Inside the memory file system that the fault network has mounted. */
const folder = '/run/mini-dynamo';
const port = 7000;
/** A limit, not memory that is taken. */
const diskBytes = 1024 * 1024 * 1024;
/** Tries to leave a disk little room while its node writes. */
const limitAttemptsMax = 10;
const startWithinMs = 30_000;
const endWithinMs = 15_000;

/** Shorter than the defaults, so that a story that waits for each of them takes seconds. */
export const timing = {
  requestTimeoutMs: 1_000,
  heartbeatMs: 200,
  peerDownAfterMs: 700,
  hintRetryMsMin: 100,
  hintRetryMsMax: 1_000,
} as const;

export interface FaultClusterOptions {
  /** Three unless told; each key has three owners. */
  readonly nodes?: number;
  /** Further fields of the nodes file. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** Gives nodes clocks that can be set; needs libfaketime. */
  readonly fakeClocks?: boolean;
}

export class FaultCluster {
  readonly network: FaultNetwork;
  readonly local: LocalCluster;
  readonly #processes = new Map<string, ChildProcess>();
  readonly #clocks = new Map<string, FakeClock>();

  private constructor(network: FaultNetwork, local: LocalCluster, fakeClocks: boolean) {
    this.network = network;
    this.local = local;
    const library = fakeClocks ? fakeClockLibrary() : undefined;
    if (library === undefined) return;
    for (const id of this.ids) this.#clocks.set(id, new FakeClock(join(folder, `${id}.clock`), library));
  }

  /** Makes the network and the nodes file, starts all nodes and waits until they see each other. */
  static async start(options: FaultClusterOptions = {}): Promise<FaultCluster> {
    const ids = Array.from({ length: options.nodes ?? 3 }, (_, index) => `n${index + 1}`);
    const network = new FaultNetwork(ids);
    for (const id of ids) {
      mkdirSync(dataDirectoryOf(id), { recursive: true });
      execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${diskBytes}`, 'tmpfs', dataDirectoryOf(id)]);
    }
    const nodes = ids.map((id) => ({ id, addr: `${network.hostOf(id)}:${port}` }));
    const file = { nodes, n: 3, r: 2, w: 2, quorumMode: 'strict', timing, ...options.settings };
    const config = join(folder, 'nodes.json');
    writeFileSync(config, JSON.stringify(file));
    const local = await openLocalCluster({ config, dataDir: join(folder, 'data') });
    const cluster = new FaultCluster(network, local, options.fakeClocks === true);
    await Promise.all(ids.map((id) => cluster.start(id)));
    await cluster.connected();
    return cluster;
  }

  get ids(): readonly NodeId[] {
    return this.local.settings.nodes.map((node) => node.id);
  }

  node(id: string): ClusterNode {
    return nodeOf(this.local.settings, id);
  }

  client(id: string): KeyClient {
    return new KeyClient(this.node(id).address);
  }

  isRunning(id: string): boolean {
    const child = this.#processes.get(id);
    return child !== undefined && child.exitCode === null && child.signalCode === null;
  }

  /** Starts a node that does not run and waits until it answers; throws with the end of its log when it does not. */
  async start(id: string): Promise<void> {
    if (this.isRunning(id)) return;
    const child = this.#spawn(id);
    this.#processes.set(id, child);
    const answers = await waitUntil(async () => !this.isRunning(id) || (await this.#answers(id)), {
      boundMs: startWithinMs,
    });
    if (!answers || !this.isRunning(id)) throw new Error(`${id} did not start. It said:\n${this.logOf(id)}`);
  }

  async kill(id: string): Promise<void> {
    const child = this.#processes.get(id);
    if (child === undefined || !this.isRunning(id)) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }

  pause(id: string): void {
    this.#processes.get(id)?.kill('SIGSTOP');
  }

  resume(id: string): void {
    this.#processes.get(id)?.kill('SIGCONT');
  }

  /** Sets a node's wall clock this far from the machine's. */
  setClock(id: string, offsetMs: number): void {
    const clock = this.#clocks.get(id);
    if (clock === undefined) throw new Error(`${id} has the clock of this machine`);
    clock.set(offsetMs);
  }

  /**
   * Leaves no more room on a node's disk than this, whatever it holds; undefined makes it large again. What the node writes while this
   * is being done may take more than that: then it is done again.
   */
  limitDisk(id: string, freeBytes: number | undefined): void {
    for (let attempt = 1; ; attempt++) {
      const { blocks, bfree, bsize } = statfsSync(dataDirectoryOf(id));
      const bytes = freeBytes === undefined ? diskBytes : (blocks - bfree) * bsize + freeBytes;
      // With its source named, the other options of the mount are left as they are: a user namespace may not repeat them.
      const options = ['-t', 'tmpfs', '-o', `remount,size=${bytes}`, 'tmpfs', dataDirectoryOf(id)];
      try {
        execFileSync('mount', options, { stdio: 'pipe' });
        return;
      } catch (error) {
        // On a busy machine the node may have written more than that before the mount was asked for.
        if (freeBytes === undefined || attempt === limitAttemptsMax) throw error;
      }
    }
  }

  /** Makes every sync of a node fail with EIO, which ends it; false when it goes on, as without `strace`. */
  async failSyncs(id: string): Promise<boolean> {
    const child = this.#processes.get(id);
    if (child === undefined || !this.isRunning(id)) return false;
    const inject = ['-e', 'trace=fdatasync,fsync', '-e', 'inject=fdatasync,fsync:error=EIO'];
    const strace = spawn('strace', ['-f', '-p', String(child.pid), ...inject, '-o', '/dev/null'], {
      stdio: 'ignore',
    });
    const absent = once(strace, 'error').then(() => false);
    const ended = waitUntil(() => Promise.resolve(!this.isRunning(id)), { boundMs: endWithinMs });
    const hasEnded = await Promise.race([absent, ended]);
    strace.kill();
    return hasEnded;
  }

  /** Mends all but the clocks, and resolves once the nodes see each other. */
  async mend(): Promise<void> {
    await this.network.heal();
    for (const id of this.ids) this.limitDisk(id, undefined);
    for (const id of this.ids) this.resume(id);
    await Promise.all(this.ids.map((id) => this.start(id)));
    await this.connected();
  }

  /** Waits until every node counts every other as up. */
  async connected(): Promise<void> {
    const found = await waitUntil(
      async () => {
        const up = await Promise.all(this.ids.map((id) => this.client(id).peersUp()));
        return up.every((peers) => peers.length === this.ids.length - 1);
      },
      { boundMs: startWithinMs },
    );
    if (!found) throw new Error(`the nodes did not find each other. ${this.allLogs()}`);
  }

  /** The last lines that a node logged, over all its starts. */
  logOf(id: string, lines = 25): string {
    return readFileSync(logPathOf(id), 'utf8').trim().split('\n').slice(-lines).join('\n');
  }

  allLogs(): string {
    return this.ids.map((id) => `${id} said last:\n${this.logOf(id)}`).join('\n');
  }

  #spawn(id: string): ChildProcess {
    const log = openSync(logPathOf(id), 'a');
    const [command, ...words] = this.network.commandOf(id);
    const options = ['--id', id, '--config', this.local.configPath, '--data-dir', dataDirectoryOf(id)];
    try {
      return spawn(command, [...words, process.execPath, ...heapFlags, mainPath, 'serve', ...options], {
        stdio: ['ignore', log, log],
        env: { ...childEnvironment(), ...this.#clocks.get(id)?.environment },
      });
    } finally {
      closeSync(log);
    }
  }

  async #answers(id: string): Promise<boolean> {
    const { address } = this.node(id);
    return hasStatus(await requestNode(address, { method: 'GET', path: '/health', timeoutMs: 1_000 }), 200);
  }
}

function dataDirectoryOf(id: string): string {
  return join(folder, 'data', id);
}

function logPathOf(id: string): string {
  return join(folder, `${id}.log`);
}
