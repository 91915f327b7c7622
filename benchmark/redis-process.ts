/**
 * Redis servers to measure beside the store, in a folder that is thrown away. Debian's redis-tools are enough: the server
 * is there as `redis-check-rdb` and goes by the name that it is called by.
 */

import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { freePorts } from '../src/cli/free-ports.ts';
import { waitUntil } from '../src/cli/wait-until.ts';
import type { RunningServer } from './server-process.ts';

export const redisHost = '127.0.0.1';

/** What `redis-server --version` says, or undefined where there is none. */
export function redisVersion(): string | undefined {
  const { stdout, status } = spawnSync(redisProgram(), ['--version'], {
    argv0: 'redis-server',
    encoding: 'utf8',
  });
  return status === 0 ? /v=(\S+)/.exec(stdout)?.[1] : undefined;
}

/** One server without replicas; nothing is written to disk. */
export async function startRedis(): Promise<RunningServer> {
  return await startServers([['--save', '', '--appendonly', 'no']]);
}

/** A primary with two replicas, all of which sync every write: with `WAIT 1` the nearest to a quorum of two. */
export async function startDurableRedis(): Promise<RunningServer> {
  const durable = ['--save', '', '--appendonly', 'yes', '--appendfsync', 'always'];
  return await startServers([durable, durable, durable]);
}

/** The first is the primary of the others, and the one that is asked. */
async function startServers(settings: readonly (readonly string[])[]): Promise<RunningServer> {
  const folder = await mkdtemp(join(tmpdir(), 'mini-dynamo-redis-'));
  const ports = await freePorts(settings.length);
  const [primary = 0] = ports;
  const children: ChildProcess[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(children.map(end));
    await rm(folder, { recursive: true, force: true });
  };
  try {
    for (const [index, port] of ports.entries()) {
      const data = join(folder, String(index));
      await mkdir(data);
      const words = ['--port', String(port), '--bind', redisHost, '--dir', data, ...(settings[index] ?? [])];
      if (index > 0) words.push('--replicaof', `${redisHost} ${primary}`, '--repl-diskless-sync-delay', '0');
      children.push(startServer(words));
      if (!(await waitUntil(() => answers(port, 'PING', '+PONG'), { boundMs: 10_000 }))) {
        throw new Error('redis-server does not start: apt-get install redis-tools');
      }
    }
    const replicas = `connected_slaves:${settings.length - 1}`;
    const isWhole = async (): Promise<boolean> =>
      (await answers(primary, 'INFO replication', replicas)) &&
      !(await answers(primary, 'INFO replication', 'state=wait_bgsave'));
    if (!(await waitUntil(isWhole, { boundMs: 30_000 }))) throw new Error('the replicas do not connect');
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    urls: [new URL(`http://${redisHost}:${primary}`)],
    pids: children.flatMap(({ pid }) => (pid === undefined ? [] : [pid])),
    folder,
    stop,
  };
}

function startServer(words: readonly string[]): ChildProcess {
  return spawn(redisProgram(), words, { argv0: 'redis-server', stdio: ['ignore', 'ignore', 'inherit'] });
}

function redisProgram(): string {
  return spawnSync('redis-server', ['--version']).status === 0 ? 'redis-server' : 'redis-check-rdb';
}

/** Whether a server answers a command with a text that holds another. */
async function answers(port: number, command: string, text: string): Promise<boolean> {
  const socket = connect(port, redisHost);
  let answer = '';
  socket.on('data', (chunk: Buffer) => (answer += chunk.toString('latin1')));
  socket.end(`${command}\r\n`);
  await new Promise((resolve) => socket.on('close', resolve).on('error', resolve));
  return answer.includes(text);
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill();
  await ended;
}
