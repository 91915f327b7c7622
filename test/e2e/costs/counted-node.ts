/** A node whose calls to the system and whose allocations are counted from outside. */

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import type { ThrowawayCluster } from '../../../src/cli/throwaway-cluster.ts';
import { startCommand, type RunningCommand } from '../run-command.ts';
import { answerPrefix } from './allocation-probe.ts';

const probePath = join(import.meta.dirname, 'allocation-probe.ts');

export interface Counts {
  readonly reads: number;
  readonly writes: number;
  readonly heapBytes: number;
}

export class CountedNode {
  readonly #command: RunningCommand;
  readonly #lines: Interface;

  constructor(cluster: ThrowawayCluster, id: string) {
    const serve = ['serve', '--id', id, '--config', cluster.local.configPath];
    this.#command = startCommand([...serve, '--data-dir', cluster.dataDirectory(id)], {
      nodeOptions: ['--import', probePath],
    });
    const { stdout } = this.#command.child;
    if (stdout === null) throw new Error('its output is a pipe');
    this.#lines = createInterface({ input: stdout });
  }

  get pid(): number {
    const { pid } = this.#command.child;
    if (pid === undefined) throw new Error('the node did not start');
    return pid;
  }

  /** Since the node started. What Linux calls a read or a write counts, whatever it is of. */
  async counts(): Promise<Counts> {
    const answer = once(this.#lines, 'line') as Promise<[string]>;
    this.#command.child.kill('SIGUSR2');
    const [line] = await answer;
    const io = readFileSync(`/proc/${this.pid}/io`, 'utf8');
    return {
      reads: Number(/^syscr: (\d+)$/m.exec(io)?.[1]),
      writes: Number(/^syscw: (\d+)$/m.exec(io)?.[1]),
      heapBytes: Number(line.slice(answerPrefix.length)),
    };
  }

  async stop(): Promise<void> {
    this.#command.child.kill('SIGTERM');
    await this.#command.result;
  }
}

/** What all nodes together have done. */
export async function countsOf(nodes: readonly CountedNode[]): Promise<Counts> {
  const all = await Promise.all(nodes.map((node) => node.counts()));
  const sum = (field: keyof Counts): number => all.reduce((total, counts) => total + counts[field], 0);
  return { reads: sum('reads'), writes: sum('writes'), heapBytes: sum('heapBytes') };
}
