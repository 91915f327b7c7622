/**
 * The workers of a node: processes on one machine, each a member of the ring of its own.
 *
 * A node with `"workers": 3` stands for three members. The first keeps the id of the node, so that a node which
 * gets workers keeps its records; the others are `<id>-2` and `<id>-3`. All of them listen at `addr`, and each by
 * itself, for its peers and for operators, at the port of `peerAddr` plus its number less one. It follows from the
 * entry alone, so that every node of the cluster comes to the same members.
 *
 * Workers of one node share its zone, so copies of a key go to different machines where there are enough. Without
 * zones in the file the machine is the zone.
 */

import { isNodeId, type NodeId } from '../core/config.ts';
import { StoreError } from '../core/errors.ts';
import type { Address } from './address.ts';
import type { ClusterNode } from './cluster-settings.ts';

/** A node as the nodes file has it. */
export interface NodeEntry {
  readonly id: NodeId;
  readonly addr: Address;
  readonly peerAddr?: Address | undefined;
  readonly zone?: string | undefined;
  readonly weight?: number | undefined;
  readonly workers?: number | undefined;
}

/** The members that these nodes stand for, in their order. Throws `CONFIG_INVALID` for what cannot be. */
export function membersOf(entries: readonly NodeEntry[]): ClusterNode[] {
  // Where nobody has workers all is as it was before there were any, the placement of keys included.
  const machinesAreZones = entries.some(hasWorkers);
  return entries.flatMap((entry) => {
    const zone = entry.zone ?? (machinesAreZones ? entry.id : '');
    const weight = entry.weight ?? 1;
    if (!hasWorkers(entry)) {
      const { id, addr, peerAddr } = entry;
      return [{ id, address: addr, peerAddress: peerAddr, zone, weight, worker: undefined }];
    }
    return Array.from({ length: workersOf(entry) }, (_, index): ClusterNode => {
      const number = index + 1;
      return {
        id: workerId(entry.id, number),
        address: workerAddress(entry, number),
        peerAddress: undefined,
        zone,
        weight,
        worker: { number, node: entry.id, sharedAddress: entry.addr },
      };
    });
  });
}

/** Whether a node is more than one process. */
export function hasWorkers(entry: NodeEntry): boolean {
  return workersOf(entry) > 1;
}

export function workersOf(entry: NodeEntry): number {
  return entry.workers ?? 1;
}

/** What is wrong with the workers of one entry by itself, each to follow its name; nothing when they can be. */
export function workerProblems(entry: NodeEntry): string[] {
  if (!hasWorkers(entry)) return [];
  const problems: string[] = [];
  const workers = workersOf(entry);
  if (!isNodeId(`${entry.id}-${workers}`)) {
    problems.push(
      `id is too long: its last worker is called ${entry.id}-${workers}, and ids have 64 characters at most`,
    );
  }
  if (entry.peerAddr === undefined) {
    problems.push(
      `peerAddr is missing; with workers it must be host:port, where ${entry.id} is reached by its peers by itself, ` +
        `and each further worker at the next port`,
    );
  } else if (entry.peerAddr.port + workers - 1 > portMax) {
    problems.push(
      `peerAddr has port ${entry.peerAddr.port}, but must have one up to ${portMax - workers + 1}: ` +
        `${workers} workers take as many ports from there on`,
    );
  }
  return problems;
}

const portMax = 65_535;

function workerId(node: NodeId, number: number): NodeId {
  if (number === 1) return node;
  const id = `${node}-${number}`;
  if (isNodeId(id)) return id;
  throw new StoreError('CONFIG_INVALID', `${id} is no node id`);
}

function workerAddress(entry: NodeEntry, number: number): Address {
  const { peerAddr } = entry;
  if (peerAddr === undefined)
    throw new StoreError('CONFIG_INVALID', `the workers of ${entry.id} need a peerAddr`);
  return { host: peerAddr.host, port: peerAddr.port + number - 1 };
}
