/**
 * No queue grows without bound, and nothing is left over: what is under way in a node is looked at all through a
 * run, and once more when all has been quiet for a while.
 *
 * While faults strike the bounds are those of `core/limits.ts` and what so many clients can have under way. In the
 * quiet phase they are tight, so that a timer, call or file that is never given back shows in a single run.
 */

import { limits } from '../../core/limits.ts';
import type { NodeLoad } from '../node-load.ts';
import type { BrokenPromise } from './broken-promise.ts';

const promise = 'nothing-piles-up';

/** What a node, or the network, had under way at one instant. */
export interface LoadSample {
  readonly node: string;
  readonly micros: number;
  readonly load: NodeLoad;
}

export interface LoadBounds {
  /** Clients, each of which has one request under way at a time. */
  readonly clients: number;
  readonly nodes: number;
}

/** What belongs to no single node. */
export interface NetworkLoad {
  readonly connections: number;
  /** Bytes of frames that partitions hold back. */
  readonly heldBytes: number;
  /** Events that the scheduler still has. */
  readonly events: number;
}

/** Timers of a node that has nothing to do: one for each of its loops and its clock, and a handoff for each member. */
const quietTimersMax = (nodes: number): number => 8 + 3 * nodes;
/** Heartbeats, and what compares replicas in the background. */
const quietCallsMax = (nodes: number): number => 4 * nodes;
/** Events beside timers: frames, connections that are given up after a silence, disk operations, the scenario's own. */
const quietEventsMax = (nodes: number): number => 20 + 4 * nodes * nodes;
/** What a floor that rises now and then, or a heartbeat's news, may be writing in that instant. */
const quietLogBytesMax = 4_096;
/** Files beside the segments: a lock, a checkpoint and a hint file on their way. */
const filesBesideSegmentsMax = 8;
/** What a paused process finds waiting: three seconds of frames, timers and completions. */
const waitingMax = 5_000;
/** The rest of a write goes on behind its answer, for as long as a request may take: a busy client leaves many. */
const callsPerClient = 1_000;
/** Clients give up before nodes do, so some of their requests are still under way when the next ones come. */
const requestRounds = 4;

/** What breaks a bound in the midst of a run; samples may be thinned out before. */
export function nothingPilesUp(evidence: {
  readonly samples: readonly LoadSample[];
  readonly bounds: LoadBounds;
}): BrokenPromise[] {
  const { clients, nodes } = evidence.bounds;
  const requests = requestRounds * clients;
  const calls = Math.min(limits.peerRequestsInFlightMax * nodes, callsPerClient * clients);
  return judge(evidence.samples, 'while faults struck', {
    requests,
    calls,
    timers: quietTimersMax(nodes) + 2 * calls,
    waiting: waitingMax,
    hintBytes: limits.hintBytesMax,
    logBytes: limits.logQueueBytesMax,
    segments: limits.segmentsMax,
  });
}

/** What is left over after a quiet phase. */
export function nothingIsLeftOver(evidence: {
  readonly samples: readonly LoadSample[];
  readonly network: NetworkLoad;
  readonly bounds: LoadBounds;
}): BrokenPromise[] {
  const { samples, network, bounds } = evidence;
  const { nodes } = bounds;
  const broken = judge(samples, 'when all was quiet', {
    requests: 0,
    calls: quietCallsMax(nodes),
    timers: quietTimersMax(nodes),
    waiting: 0,
    hintBytes: 0,
    logBytes: quietLogBytesMax,
    segments: limits.segmentsMax,
  });
  const hold = (what: string, is: number, bound: number): void => {
    if (is <= bound) return;
    const message = `when all was quiet there were ${is} ${what}; at most ${bound} are expected`;
    broken.push({ promise, key: undefined, message });
  };
  hold('connections', network.connections, (nodes * (nodes - 1)) / 2);
  hold('bytes held back by the network', network.heldBytes, 0);
  const timers = samples.reduce((sum, { load }) => sum + load.timers, 0);
  hold('events in the scheduler', network.events, timers + quietEventsMax(nodes));
  return broken;
}

function judge(
  samples: readonly LoadSample[],
  when: string,
  bounds: Omit<NodeLoad, 'openFiles'>,
): BrokenPromise[] {
  const broken: BrokenPromise[] = [];
  const told = new Set<string>();
  const hold = (sample: LoadSample, what: string, is: number, bound: number): void => {
    if (is <= bound || told.has(`${sample.node} ${what}`)) return;
    told.add(`${sample.node} ${what}`);
    const message = `${sample.node} had ${is} ${what} ${when}, at ${Math.round(sample.micros / 1_000)} ms; at most ${bound} are expected`;
    broken.push({ promise, key: undefined, message });
  };
  const greatestSegments = new Map<string, number>();
  for (const { node, load } of samples) {
    greatestSegments.set(node, Math.max(load.segments, greatestSegments.get(node) ?? 0));
  }
  for (const sample of samples) {
    const { load } = sample;
    hold(sample, 'client requests under way', load.requests, bounds.requests);
    hold(sample, 'calls to peers under way', load.calls, bounds.calls);
    hold(sample, 'timers', load.timers, bounds.timers);
    hold(sample, 'events waiting', load.waiting, bounds.waiting);
    hold(sample, 'bytes of hints', load.hintBytes, bounds.hintBytes);
    hold(sample, 'bytes waiting for the log', load.logBytes, bounds.logBytes);
    hold(sample, 'segments', load.segments, bounds.segments);
    // A segment that compaction replaced stays open while somebody reads it; of many that it replaces at once, one
    // after another is closed.
    const segments = greatestSegments.get(sample.node) ?? 0;
    hold(sample, 'open files', load.openFiles, 2 * segments + filesBesideSegmentsMax);
  }
  return broken;
}
