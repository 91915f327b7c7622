import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isNodeId, type NodeId } from '../core/config.ts';
import type { PeerIdentity, TransportHandler } from '../ports/transport.ts';
import { contractLog } from '../ports/transport-contract.ts';
import { inMacrotask, provenDrain } from './drain.ts';
import { ProcessScope } from './process-scope.ts';
import { Scheduler } from './scheduler.ts';
import { healthyLink, SimNetwork, type LinkConditions } from './sim-network.ts';
import { SimRandom } from './sim-random.ts';
import type { SimTransport } from './sim-transport.ts';
import { TraceHash } from './trace-hash.ts';

function nodeId(text: string): NodeId {
  assert.ok(isNodeId(text));
  return text;
}

const a = nodeId('a');
const b = nodeId('b');
const second = 1_000_000;

/** Writes down all that a node hears. */
class Listener implements TransportHandler {
  readonly heard: string[] = [];
  readonly numbers: number[] = [];

  onFrame(from: PeerIdentity, frame: Uint8Array): void {
    this.numbers.push((frame[0] ?? 0) * 256 + (frame[1] ?? 0));
    this.heard.push(`frame from ${from.id}.${from.incarnation}`);
  }

  onConnected(peer: PeerIdentity): void {
    this.heard.push(`connected ${peer.id}.${peer.incarnation}`);
  }

  onDisconnected(peer: PeerIdentity, reason: string): void {
    this.heard.push(`disconnected ${peer.id}.${peer.incarnation}: ${reason}`);
  }
}

interface Life {
  readonly transport: SimTransport;
  readonly listener: Listener;
  readonly scope: ProcessScope;
}

class World {
  readonly scheduler: Scheduler;
  readonly network: SimNetwork;

  constructor(conditions: LinkConditions) {
    const random = new SimRandom(1);
    this.scheduler = new Scheduler({
      ties: random.fork('ties'),
      drain: provenDrain(),
      trace: new TraceHash(),
    });
    const options = {
      scheduler: this.scheduler,
      random: random.fork('network'),
      members: [a, b],
      conditions,
    };
    this.network = new SimNetwork(options);
  }

  live(id: NodeId, incarnation = 1): Life {
    const scope = new ProcessScope(id, this.scheduler);
    const listener = new Listener();
    const transport = this.network.attach({ self: { id, incarnation, life: 1, log: contractLog }, scope });
    void transport.start(listener);
    return { transport, listener, scope };
  }

  run(micros: number): void {
    this.scheduler.run({ deadlineMicros: this.scheduler.nowMicros + micros });
  }
}

function withWorld(conditions: Partial<LinkConditions>, body: (world: World) => void): Promise<void> {
  return inMacrotask(() => body(new World({ ...healthyLink, ...conditions })));
}

function sendNumbers(from: Life, to: NodeId, count: number): void {
  for (let index = 0; index < count; index++) {
    from.transport.send(to, Uint8Array.of(index >>> 8, index & 0xff));
  }
}

function isSorted(numbers: readonly number[]): boolean {
  return numbers.every((number, index) => index === 0 || (numbers[index - 1] ?? 0) < number);
}

describe('SimNetwork', () => {
  test('two nodes connect once, and frames arrive in order', () =>
    withWorld({}, (world) => {
      const [one, other] = [world.live(a), world.live(b)];
      assert.equal(one.transport.send(b, new Uint8Array(2)), false);
      world.run(second);
      assert.deepEqual([one.listener.heard, other.listener.heard], [['connected b.1'], ['connected a.1']]);
      sendNumbers(one, b, 300);
      world.run(second);
      assert.equal(other.listener.numbers.length, 300);
      assert.ok(isSorted(other.listener.numbers));
    }));

  test('a frame is a copy for the receiver', () =>
    withWorld({}, (world) => {
      const [one, other] = [world.live(a), world.live(b)];
      world.run(second);
      const frame = Uint8Array.of(0, 7);
      one.transport.send(b, frame);
      world.run(second);
      frame.fill(9);
      assert.deepEqual(other.listener.numbers, [7]);
    }));

  test('a lossy link loses, doubles and reorders', () =>
    withWorld(
      { lossPerMillion: 100_000, duplicatePerMillion: 100_000, reorderPerMillion: 200_000 },
      (world) => {
        const [one, other] = [world.live(a), world.live(b)];
        world.run(second);
        sendNumbers(one, b, 1_000);
        world.run(second);
        const { numbers } = other.listener;
        const distinct = new Set(numbers).size;
        assert.ok(distinct > 850 && distinct < 950, `${distinct} of 1000 arrived`);
        assert.ok(numbers.length > distinct + 50);
        assert.ok(!isSorted(numbers));
      },
    ));

  test('a link may refuse to take a frame, and says so', () =>
    withWorld({ refusePerMillion: 500_000 }, (world) => {
      const [one, other] = [world.live(a), world.live(b)];
      world.run(second);
      const taken = Array.from({ length: 100 }, () => one.transport.send(b, new Uint8Array(2)));
      world.run(second);
      assert.equal(other.listener.numbers.length, taken.filter(Boolean).length);
      assert.ok(other.listener.numbers.length > 20 && other.listener.numbers.length < 80);
    }));

  test('a killed peer is noticed at once, and its next life is another incarnation', () =>
    withWorld({}, (world) => {
      const [one, other] = [world.live(a), world.live(b)];
      world.run(second);
      other.scope.kill();
      world.network.lifeEnded(b, 'killed');
      world.run(second / 100);
      assert.equal(one.listener.heard.at(-1), 'disconnected b.1: reset by peer');
      world.live(b, 2);
      world.run(3 * second);
      assert.equal(one.listener.heard.at(-1), 'connected b.2');
    }));

  test('a machine without power is noticed only after a silence', () =>
    withWorld({}, (world) => {
      const [one, other] = [world.live(a), world.live(b)];
      world.run(second);
      other.scope.kill();
      world.network.lifeEnded(b, 'powerLost');
      world.run(second / 2);
      assert.equal(one.transport.isConnected(b), true);
      assert.equal(one.transport.send(b, new Uint8Array(2)), true);
      world.run(10 * second);
      assert.match(one.listener.heard.at(-1) ?? '', /^disconnected b.1: no answer/);
    }));

  test('a machine that comes back quickly replaces the connection that its peer still believes in', () =>
    withWorld({}, (world) => {
      const [one, other] = [world.live(a), world.live(b)];
      world.run(second);
      other.scope.kill();
      world.network.lifeEnded(b, 'powerLost');
      const next = world.live(b, 2);
      world.run(5 * second);
      assert.equal(one.listener.heard.filter((line) => line.startsWith('disconnected b.1')).length, 1);
      assert.equal(one.listener.heard.at(-1), 'connected b.2');
      sendNumbers(one, b, 3);
      world.run(second);
      assert.deepEqual([next.listener.numbers.length, other.listener.numbers.length], [3, 0]);
    }));

  test('a partition drops or holds frames, and a held frame arrives when it heals soon', () =>
    withWorld({}, (world) => {
      const [one, other] = [world.live(a), world.live(b)];
      world.run(second);
      world.network.block(a, b, 'drop');
      sendNumbers(one, b, 3);
      world.network.block(a, b, 'hold');
      one.transport.send(b, Uint8Array.of(0, 77));
      other.transport.send(a, Uint8Array.of(0, 5));
      world.run(second / 2);
      assert.deepEqual([other.listener.numbers, one.listener.numbers], [[], [5]]);
      world.network.heal();
      world.run(second);
      assert.deepEqual(other.listener.numbers, [77]);
    }));

  test('both sides of a long partition give the connection up and find each other afterwards', () =>
    withWorld({}, (world) => {
      const [one, other] = [world.live(a), world.live(b)];
      world.run(second);
      world.network.partition([a], [b]);
      world.run(10 * second);
      for (const life of [one, other]) {
        assert.match(life.listener.heard.at(-1) ?? '', /no answer/);
        assert.equal(life.transport.isConnected(life === one ? b : a), false);
      }
      world.network.heal();
      world.run(5 * second);
      assert.equal(one.listener.heard.at(-1), 'connected b.1');
      assert.equal(other.listener.heard.at(-1), 'connected a.1');
    }));

  test('a reset loses what is in flight, and the nodes connect again', () =>
    withWorld({ delayMicrosMin: 50_000, delayMicrosMax: 60_000 }, (world) => {
      const [one, other] = [world.live(a), world.live(b)];
      world.run(5 * second);
      sendNumbers(one, b, 10);
      world.network.reset(a, b);
      world.run(5 * second);
      assert.deepEqual(other.listener.numbers, []);
      assert.equal(one.transport.isConnected(b), true);
    }));

  test('a transport that stops in good order is heard to close', () =>
    withWorld({}, (world) => {
      const [one, other] = [world.live(a), world.live(b)];
      world.run(second);
      void other.transport.stop();
      world.run(second);
      assert.equal(one.listener.heard.at(-1), 'disconnected b.1: closed by peer');
      assert.equal(other.transport.send(a, new Uint8Array(1)), false);
    }));

  test('a paused node hears everything after its pause, in order', () =>
    withWorld({}, (world) => {
      const [one, other] = [world.live(a), world.live(b)];
      world.run(second);
      other.scope.pause();
      sendNumbers(one, b, 20);
      world.run(second / 2);
      assert.equal(other.listener.numbers.length, 0);
      other.scope.resume();
      world.run(second);
      assert.equal(other.listener.numbers.length, 20);
      assert.ok(isSorted(other.listener.numbers));
    }));

  test('a frame that is cut arrives nowhere, and both ends lose the connection and find each other again', async () => {
    await inMacrotask(() => {
      const world = new World(healthyLink);
      const [one, other] = [world.live(a), world.live(b)];
      world.run(second);
      world.network.cutNextFrame(a, b);
      assert.equal(one.transport.send(b, Uint8Array.of(0, 7)), true, 'whoever sends it does not know');
      world.run(second);
      assert.deepEqual(other.listener.numbers, []);
      assert.equal(world.network.framesCut, 1);
      for (const { listener } of [one, other]) {
        const [, lost, again] = listener.heard;
        assert.match(lost ?? '', /^disconnected .* in the midst of a frame/);
        assert.match(again ?? '', /^connected/);
      }
      one.transport.send(b, Uint8Array.of(0, 8));
      world.run(second);
      assert.deepEqual(other.listener.numbers, [8]);
    });
  });
});
