/** A cluster of etcd to measure beside the store, in a folder that is thrown away. Needs Debian's etcd-server. */

import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { freePorts } from '../src/cli/free-ports.ts';
import { waitUntil } from '../src/cli/wait-until.ts';
import type { RunningServer } from './server-process.ts';

const host = '127.0.0.1';
const readyWithinMs = 30_000;
/** etcd's own default of 2 GiB would refuse writes in the middle of a long run. */
const quotaBytes = 8 * 1024 ** 3;

/** What `etcd --version` says first, or undefined where there is none. */
export function etcdVersion(): string | undefined {
  const { stdout, status } = spawnSync('etcd', ['--version'], { encoding: 'utf8' });
  return status === 0 ? /Version: (\S+)/.exec(stdout)?.[1] : undefined;
}

/** Starts so many members, each with the settings that etcd has by itself, and waits until one of them leads. */
export async function startEtcd(members: number): Promise<RunningServer> {
  const folder = await mkdtemp(join(tmpdir(), 'mini-dynamo-etcd-'));
  const ports = await freePorts(members * 2);
  const urls = ports.slice(0, members).map((port) => new URL(`http://${host}:${port}`));
  const peers = ports.slice(members).map((port) => `http://${host}:${port}`);
  const cluster = peers.map((peer, index) => `m${index}=${peer}`).join(',');
  const children = urls.map((url, index) => {
    const address = url.href.replace(/\/$/, '');
    const peer = peers[index] ?? '';
    const words = ['--name', `m${index}`, '--data-dir', join(folder, `m${index}`), '--log-level', 'error'];
    words.push('--listen-client-urls', address, '--advertise-client-urls', address);
    words.push('--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer);
    words.push('--initial-cluster', cluster, '--quota-backend-bytes', String(quotaBytes));
    return spawn('etcd', words, { stdio: 'ignore' });
  });
  const stop = async (): Promise<void> => {
    await Promise.all(children.map(end));
    await rm(folder, { recursive: true, force: true });
  };
  const isReady = async (): Promise<boolean> => (await Promise.all(urls.map(isHealthy))).every(Boolean);
  if (!(await waitUntil(isReady, { boundMs: readyWithinMs }))) {
    await stop();
    throw new Error('etcd does not start: apt-get install etcd-server');
  }
  return { urls, pids: children.flatMap(({ pid }) => (pid === undefined ? [] : [pid])), folder, stop };
}

async function isHealthy(url: URL): Promise<boolean> {
  const answer = await fetch(new URL('/health', url)).catch(() => undefined);
  return (await answer?.text().catch(() => ''))?.includes('"true"') ?? false;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}
