/**
 * Three times as many writes as a simulated cluster of real nodes can take: what its clients are told stays true, what
 * waits stays bounded, and all is well again soon. Every store is one server that needs some milliseconds for each record.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sleep, type Clock } from '../ports/clock.ts';
import type { Store } from '../storage/store.ts';
import type { AdmissionStatus } from './admission-gate.ts';
import type { WriteOutcome } from './node-api.ts';
import { keyOf, playOnStage, second, someValue, type Stage } from './stage-harness-contract.ts';

const recordMs = 2;
/** Every node takes every record, and once: nothing is fetched besides. */
const capacityPerSecond = 1_000 / recordMs;
const connectionsMax = 400;
const deadlineMicros = second;

/** A store that takes one record after the other. */
function oneAtATime(store: Store, clock: Clock): Store {
  let last = Promise.resolve();
  const turn = (): Promise<void> => (last = last.then(() => sleep(clock, recordMs)));
  return new Proxy(store, {
    get(target, name): unknown {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== 'function') return member;
      if (name !== 'merge') return (...values: unknown[]): unknown => Reflect.apply(member, target, values);
      return (...values: unknown[]) => turn().then((): unknown => Reflect.apply(member, target, values));
    },
  });
}

interface Written {
  readonly index: number;
  readonly outcome: WriteOutcome;
  readonly tookMicros: number;
}

class Clients {
  readonly written: Written[] = [];
  readonly #stage: Stage;
  #sent = 0;
  #connections = 0;

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  /** Writes that arrive at so many times the capacity, each of a key of its own, at every node in turn. */
  async arrive(times: number, seconds: number): Promise<void> {
    const { world } = this.#stage;
    const count = times * capacityPerSecond * seconds;
    for (let index = 0; index < count; index++) {
      if (this.#connections < connectionsMax) void this.#write();
      await world.sleep((seconds * second) / count);
    }
  }

  /** Outcomes from now on. */
  take(): Written[] {
    return this.written.splice(0);
  }

  async #write(): Promise<void> {
    const { scheduler } = this.#stage.world;
    const index = this.#sent++;
    const sentMicros = scheduler.nowMicros;
    const isGone = (): boolean => scheduler.nowMicros > sentMicros + deadlineMicros;
    this.#connections++;
    const outcome = await this.#stage.node(1 + (index % 3)).put({
      key: keyOf(index),
      value: someValue,
      client: {
        get isGone() {
          return isGone();
        },
      },
    });
    this.#connections--;
    this.written.push({ index, outcome, tookMicros: scheduler.nowMicros - sentMicros });
  }
}

function inTime(written: readonly Written[]): Written[] {
  return written.filter(
    ({ outcome, tookMicros }) => outcome.kind === 'stored' && tookMicros <= deadlineMicros,
  );
}

function gates({ node }: Stage): AdmissionStatus[] {
  return [1, 2, 3].map((number) => node(number).admission());
}

test('at three times what it can do a cluster goes on as before, loses nothing, and recovers at once', () =>
  playOnStage({ aroundStore: oneAtATime, antiEntropy: false }, async (stage) => {
    const clients = new Clients(stage);
    await clients.arrive(0.5, 1);
    await clients.arrive(3, 2);
    const before = clients.take();
    let waitedMost = 0;
    for (let slice = 0; slice < 8; slice++) {
      await clients.arrive(3, 0.25);
      for (const { queued, inFlight } of gates(stage)) {
        assert.ok(queued + inFlight <= connectionsMax);
        waitedMost = Math.max(waitedMost, queued);
      }
    }
    const during = clients.take();
    assert.ok(waitedMost > 10, 'there was too much to do');
    const share = inTime(during).length / (2 * capacityPerSecond);
    assert.ok(share >= 0.8, `${share} of the capacity was answered in time`);

    await clients.arrive(0.5, 2);
    const recovering = clients.take();
    await clients.arrive(0.5, 2);
    const after = clients.take();
    assert.equal(inTime(after).length, after.length);
    const slowest = Math.max(...after.map(({ tookMicros }) => tookMicros));
    assert.ok(slowest < 100_000, `${slowest} µs`);

    await stage.world.sleep(5 * second);
    assert.deepEqual(
      gates(stage).map(({ inFlight, queued }) => inFlight + queued),
      [0, 0, 0],
    );
    const all = [...before, ...during, ...recovering, ...after];
    const kinds = new Set(all.map(({ outcome }) => outcome.kind));
    assert.ok(kinds.has('refused'), 'some were refused');
    for (const { index, outcome } of all) {
      const holders = await Promise.all([1, 2, 3].map((node) => stage.node(node).local.get(keyOf(index))));
      const copies = holders.filter((copy) => copy !== undefined).length;
      if (outcome.kind === 'stored') assert.equal(copies, 3, `${index} was acknowledged`);
      if (outcome.kind === 'refused') assert.equal(copies, 0, `${index} was refused`);
    }
  }));
