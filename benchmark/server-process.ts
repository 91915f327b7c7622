/**
 * The servers that a comparison runs against: the bare yardstick and a cluster in a folder that is thrown away.
 *
 * Each is a child process of the benchmark, started with the same Node, and ended with it.
 */

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { childEnvironment } from '../src/cli/compile-cache.ts';
import { freePorts } from '../src/cli/free-ports.ts';

export interface RunningServer {
  readonly urls: readonly URL[];
  readonly pids: readonly number[];
  /** Where it keeps its data; undefined for one that keeps none. */
  readonly folder?: string;
  stop(): Promise<void>;
}

const readyWithinMs = 30_000;
const pollMs = 50;
const stopWithinMs = 10_000;

/** Starts the bare `node:http` server on a free port. */
export async function startBareServer(): Promise<RunningServer> {
  const script = join(import.meta.dirname, 'bare-http-server.ts');
  const child = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const url = new URL(`http://127.0.0.1:${line.toString('utf8').trim()}`);
  return { urls: [url], pids: pidsOf([child]), stop: () => end(child) };
}

export interface ClusterOptions {
  readonly nodes: number;
  /** One node's command, `{id}`, `{config}`, `{data}` and `{addr}` replaced; words are separated by spaces. */
  readonly command: string;
  /** Further fields of the nodes file. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** Answered with 200 once a node takes requests. */
  readonly readyPath: string;
}

/** Starts a cluster with empty data directories and waits until every node is ready. */
export async function startCluster(options: ClusterOptions): Promise<RunningServer> {
  const folder = await mkdtemp(join(tmpdir(), 'mini-dynamo-benchmark-'));
  const ports = await freePorts(options.nodes);
  const nodes = ports.map((port, index) => ({ id: `n${index + 1}`, addr: `127.0.0.1:${port}` }));
  const config = join(folder, 'nodes.json');
  const replicas = Math.min(3, options.nodes);
  const quorum = Math.floor(replicas / 2) + 1;
  const counts = { n: replicas, r: quorum, w: quorum };
  await writeFile(config, JSON.stringify({ nodes, vnodes: 64, ...counts, ...options.settings }));
  const children = nodes.map(({ id, addr }) => {
    const words: Readonly<Record<string, string>> = { id, addr, config, data: join(folder, id) };
    const command = options.command.replace(/\{(\w+)\}/g, (whole, name: string) => words[name] ?? whole);
    return startNode(command, join(folder, `${id}.log`));
  });
  const stop = async (): Promise<void> => {
    await Promise.all(children.map(end));
    await rm(folder, { recursive: true, force: true });
  };
  const urls = nodes.map(({ addr }) => new URL(`http://${addr}`));
  try {
    await Promise.all(urls.map((url) => untilReady(new URL(options.readyPath, url))));
  } catch (error) {
    await Promise.all(children.map(end));
    throw new Error(`the cluster did not start; its logs are in ${folder}`, { cause: error });
  }
  return { urls, pids: pidsOf(children), folder, stop };
}

function startNode(command: string, logPath: string): ChildProcess {
  const [program, ...words] = command.split(/\s+/);
  const executable = program === 'node' || program === undefined ? process.execPath : program;
  const child = spawn(executable, words, { stdio: ['ignore', 'pipe', 'pipe'], env: childEnvironment() });
  const log = createWriteStream(logPath);
  child.stdout.pipe(log, { end: false });
  child.stderr.pipe(log, { end: false });
  return child;
}

async function untilReady(url: URL): Promise<void> {
  const deadline = performance.now() + readyWithinMs;
  for (;;) {
    const answer = await fetch(url).catch(() => undefined);
    await answer?.arrayBuffer();
    if (answer?.status === 200) return;
    if (performance.now() > deadline) throw new Error(`${url.href} was not ready within ${readyWithinMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), stopWithinMs);
  await ended;
  clearTimeout(timer);
}

function pidsOf(children: readonly ChildProcess[]): readonly number[] {
  return children.flatMap(({ pid }) => (pid === undefined ? [] : [pid]));
}
