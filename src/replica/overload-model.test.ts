/**
 * Three times as many requests as a node can answer, in a model under virtual time: what the gate does for the answers
 * that still reach somebody, and what becomes of them without it.
 *
 * The node is one processor that works off what it was given in order: reading a request, the work itself, and
 * refusing cost it time. Clients arrive whether or not others were answered, over a pool of connections; one that has
 * no answer by its deadline closes its connection and opens another. What is counted is answers within the deadline.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AdmissionLimit } from '../core/admission-limit.ts';
import { ManualClock } from '../sim/manual-clock.ts';
import { AdmissionGate } from './admission-gate.ts';

const readMs = 0.1;
const workMs = 0.9;
const refusalMs = 0.3;
const connectMs = 0.2;
const capacityPerMs = 1 / (readMs + workMs);
const stepMs = 1;

type Manner = 'gate' | 'none' | 'refuse-at-once';

interface Client {
  readonly deadlineMs: number;
  readonly isGone: boolean;
}

class ModelNode {
  readonly clock = new ManualClock();
  readonly gate: AdmissionGate;
  readonly #manner: Manner;
  /** When the processor has done all that it was given. */
  #busyUntilMs = 0;
  inTime = 0;
  late = 0;
  refused = 0;
  #latencyMs = 0;
  connections = 0;

  constructor(manner: Manner) {
    this.#manner = manner;
    const unlimited = { start: 1e9, min: 1e9, max: 1e9, targetMsMin: 20 };
    this.gate = new AdmissionGate({
      clock: this.clock,
      observer: { count: () => undefined },
      limit: new AdmissionLimit(manner === 'none' ? unlimited : undefined),
    });
  }

  /** Milliseconds that requests which were answered in time took on average; counts anew from here. */
  takeFigures(): { readonly inTime: number; readonly refused: number; readonly averageMs: number } {
    const figures = { inTime: this.inTime, refused: this.refused, averageMs: this.#latencyMs / this.inTime };
    this.inTime = this.late = this.refused = this.#latencyMs = 0;
    return figures;
  }

  async request(client: Client): Promise<void> {
    const { clock, gate } = this;
    const sentMs = clock.monotonicNow();
    this.connections++;
    await this.#work(readMs);
    if (!gate.tryEnter()) {
      const admission =
        this.#manner === 'refuse-at-once'
          ? ({ kind: 'refused', reason: 'full', waitedMs: 0 } as const)
          : await gate.wait({ client, waitMsMax: 2_000 });
      if (admission.kind === 'refused') {
        await this.#work(admission.reason === 'client-gone' ? 0 : refusalMs);
        this.refused++;
        return await this.#end(client);
      }
    }
    const beganAtMs = clock.monotonicNow();
    await this.#work(workMs);
    gate.leave(beganAtMs, true);
    if (client.isGone) this.late++;
    else {
      this.inTime++;
      this.#latencyMs += clock.monotonicNow() - sentMs;
    }
    await this.#end(client);
  }

  async #end(client: Client): Promise<void> {
    if (client.isGone) await this.#work(connectMs);
    this.connections--;
  }

  /** Resolves when the processor has come to the end of this. */
  #work(costMs: number): Promise<void> {
    const { clock } = this;
    const nowMs = clock.monotonicNow();
    this.#busyUntilMs = Math.max(nowMs, this.#busyUntilMs) + costMs;
    return new Promise((resolve) => {
      clock.startTimer(this.#busyUntilMs - nowMs, resolve);
    });
  }
}

/** Clients arrive at so many times the capacity for so long. */
async function drive(
  node: ModelNode,
  options: {
    readonly times: number;
    readonly forMs: number;
    readonly connectionsMax: number;
    readonly deadlineMs: number;
  },
): Promise<void> {
  const { clock } = node;
  let due = 0;
  for (let elapsedMs = 0; elapsedMs < options.forMs; elapsedMs += stepMs) {
    for (due += options.times * capacityPerMs * stepMs; due >= 1; due--) {
      // Who finds no free connection gives up by itself.
      if (node.connections >= options.connectionsMax) continue;
      const deadlineMs = clock.monotonicNow() + options.deadlineMs;
      void node.request({
        deadlineMs,
        get isGone() {
          return clock.monotonicNow() > deadlineMs;
        },
      });
    }
    clock.advance(stepMs);
    for (let turn = 0; turn < 8; turn++) await Promise.resolve();
  }
}

interface Figures {
  /** Answers in time, as a share of what the node can answer. */
  readonly share: number;
  readonly averageMs: number;
  readonly worstQueue: number;
}

/** What becomes of the answers while three times the capacity arrives, once that has gone on for a second. */
async function overload(
  node: ModelNode,
  pool: { readonly connectionsMax: number; readonly deadlineMs: number },
): Promise<Figures> {
  await drive(node, { ...pool, times: 3, forMs: 1_000 });
  node.takeFigures();
  let worstQueue = 0;
  const seconds = 3;
  for (let second = 0; second < seconds; second++) {
    await drive(node, { ...pool, times: 3, forMs: 1_000 });
    worstQueue = Math.max(worstQueue, node.gate.queued + node.gate.inFlight);
  }
  const { inTime, averageMs } = node.takeFigures();
  return { share: inTime / (capacityPerMs * 1_000 * seconds), averageMs, worstQueue };
}

const pools = [
  { connectionsMax: 200, deadlineMs: 1_000, leastShare: 0.85 },
  { connectionsMax: 400, deadlineMs: 1_000, leastShare: 0.8 },
  // Clients that give up sooner than the node refuses make it read and drop, and connect again.
  { connectionsMax: 400, deadlineMs: 350, leastShare: 0.7 },
];

for (const pool of pools) {
  const name = `${pool.connectionsMax} connections, answers due in ${pool.deadlineMs} ms`;
  test(`at three times the capacity at least ${pool.leastShare} of it is answered in time: ${name}`, async () => {
    const node = new ModelNode('gate');
    const { share, worstQueue } = await overload(node, pool);
    assert.ok(share >= pool.leastShare, `${share}`);
    assert.ok(worstQueue <= pool.connectionsMax);
    assert.ok(node.gate.status.limit < 100, 'the limit has come down to what the node can do');
  });

  test(`a second after the load is back at half the capacity requests are quick again: ${name}`, async () => {
    const node = new ModelNode('gate');
    await overload(node, pool);
    await drive(node, { ...pool, times: 0.5, forMs: 1_000 });
    node.takeFigures();
    await drive(node, { ...pool, times: 0.5, forMs: 1_000 });
    const { inTime, averageMs } = node.takeFigures();
    assert.ok(inTime >= 490, `${inTime} of 500 were answered in time`);
    assert.ok(averageMs < 5, `${averageMs}`);
    assert.equal(node.gate.queued, 0);
  });
}

test('without a gate nearly every answer comes after its deadline', async () => {
  const pool = { connectionsMax: 1_000, deadlineMs: 350 };
  const { share: without } = await overload(new ModelNode('none'), pool);
  assert.ok(without < 0.1, `${without}`);
  const { share } = await overload(new ModelNode('gate'), pool);
  // Reading and dropping all that is too much, and taking its new connections, costs the rest.
  assert.ok(share > 0.35, `${share}`);
});

test('refusing at once instead of letting requests wait leaves less than half of the answers', async () => {
  const { share } = await overload(new ModelNode('refuse-at-once'), {
    connectionsMax: 400,
    deadlineMs: 1_000,
  });
  assert.ok(share < 0.5, `${share}`);
});
