import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { test } from 'node:test';

import { LogHistogram } from '../log-histogram.ts';
import { fill } from './fill.ts';
import type { LoadReport, LoadSpec } from './load-spec.ts';
import { gets, workloads } from './mix.ts';
import { keyText } from './payload.ts';
import { runLoad } from './run-load.ts';

async function withServer(listener: RequestListener, body: (url: string) => Promise<void>): Promise<void> {
  const server = createServer(listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  try {
    await body(`http://127.0.0.1:${address.port}/`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

const load: Omit<LoadSpec, 'urls'> = {
  dialog: { kind: 'http' },
  mix: gets,
  connections: 4,
  pipeline: 1,
  keys: 20,
  firstInserted: 1_000,
  valueBytes: 3,
  warmUpMs: 0,
  durationMs: 100,
  pace: { kind: 'closed' },
};

/** Keeps values, and says what it was asked. */
function memoryServer(): { listener: RequestListener; seen: string[] } {
  const keys = new Set<string>();
  const seen: string[] = [];
  const listener: RequestListener = (request, response) => {
    const { method = '', url = '' } = request;
    seen.push(`${method} ${url}`);
    request.resume();
    request.on('end', () => {
      if (method === 'PUT') keys.add(url);
      if (method === 'PUT') response.writeHead(204).end();
      else if (keys.has(url)) response.writeHead(200, { 'Content-Length': 3, ETag: '"1"' }).end('abc');
      else response.writeHead(404, { 'Content-Length': 0 }).end();
    });
  };
  return { listener, seen };
}

function countOf(report: LoadReport, kind: keyof LoadReport['latencies']): number {
  return report.latencies[kind]?.buckets.reduce((sum, [, count]) => sum + count, 0) ?? 0;
}

test('filling puts every key once', async () => {
  const { listener, seen } = memoryServer();
  await withServer(listener, async (url) => {
    const { dialog, connections, valueBytes } = load;
    const spec = { dialog, connections, valueBytes, urls: [url], pipeline: 1, from: 5, to: 25 };
    assert.deepEqual((await fill(spec)).problems, {});
  });
  const expected = Array.from({ length: 20 }, (_, index) => `PUT /kv/${keyText(index + 5)}`);
  assert.deepEqual(seen.toSorted(), expected);
});

test('a closed loop counts what the server saw, and reads of what is not there are problems', async () => {
  const { listener, seen } = memoryServer();
  await withServer(listener, async (url) => {
    const report = await runLoad({ ...load, urls: [url] });
    assert.equal(report.operations, 0);
    assert.equal(report.problems['not found'], seen.length);
    assert.equal(report.allOperations, seen.length);
  });
});

for (const [name, mix] of Object.entries(workloads).filter(([letter]) => letter !== 'E')) {
  test(`workload ${name} finds all that it reads, what it has inserted itself too`, async () => {
    const { listener, seen } = memoryServer();
    await withServer(listener, async (url) => {
      const { dialog, connections, valueBytes } = load;
      await fill({ dialog, connections, valueBytes, urls: [url], pipeline: 1, from: 0, to: load.keys });
      seen.length = 0;
      const report = await runLoad({ ...load, mix, urls: [url] });
      assert.deepEqual(report.problems, {});
      assert.ok(report.operations > 0);
      if (name === 'F') assert.ok(seen.length >= report.operations + countOf(report, 'modify'));
    });
  });
}

test('an operation that takes longer than the run counts all the same', async () => {
  const listener: RequestListener = (_request, response) => {
    setTimeout(() => response.writeHead(200, { 'Content-Length': 3 }).end('abc'), 150);
  };
  await withServer(listener, async (url) => {
    const report = await runLoad({ ...load, durationMs: 20, urls: [url] });
    assert.equal(report.operations, load.connections);
    assert.ok(report.durationMs >= 140, `${report.durationMs} ms`);
  });
});

test('in an open loop a stall counts against every operation that was meant to begin meanwhile', async () => {
  const stallMs = 200;
  const perSecond = 500;
  let stalledUntilMs = 0;
  const listener: RequestListener = (_request, response) => {
    stalledUntilMs ||= performance.now() + stallMs;
    const waitMs = Math.max(0, stalledUntilMs - performance.now());
    setTimeout(() => response.writeHead(200, { 'Content-Length': 3 }).end('abc'), waitMs);
  };
  await withServer(listener, async (url) => {
    const report = await runLoad({
      ...load,
      durationMs: 400,
      urls: [url],
      pace: { kind: 'open', perSecond },
    });
    assert.deepEqual(report.problems, {});
    const slow = new LogHistogram();
    slow.addCounts(report.latencies.read?.buckets ?? [], report.latencies.read?.maxUs ?? 0);
    // Four connections could only tell of four slow requests. About fifty were meant for the first half of the stall; of
    // random arrivals 25 at least, but once in ten thousand runs.
    const share = 1 - 25 / slow.count;
    assert.ok(slow.percentile(share) > (stallMs / 2) * 1_000, `${slow.percentile(share)} µs`);
    assert.ok(report.backlogMax >= 25);
    assert.ok(report.latenessUs !== null);
  });
});

test('in an open loop operations that the load generator itself begins too late count from when they were meant to', async () => {
  const blockMs = 600;
  let isBlocked = false;
  const listener: RequestListener = (_request, response) => {
    // The server here shares its event loop with the load generator, which is held up too.
    const untilMs = performance.now() + (isBlocked ? 0 : blockMs);
    isBlocked = true;
    while (performance.now() < untilMs);
    response.writeHead(200, { 'Content-Length': 3 }).end('abc');
  };
  await withServer(listener, async (url) => {
    const pace = { kind: 'open', perSecond: 200 } as const;
    const report = await runLoad({ ...load, connections: 200, durationMs: 700, urls: [url], pace });
    const latency = new LogHistogram();
    latency.addCounts(report.latencies.read?.buckets ?? [], report.latencies.read?.maxUs ?? 0);
    const lateness = new LogHistogram();
    lateness.addCounts(report.latenessUs?.buckets ?? [], report.latenessUs?.maxUs ?? 0);
    // Some 60 were meant for the first half of the block.
    for (const histogram of [latency, lateness]) {
      const share = 1 - 12 / histogram.count;
      assert.ok(histogram.percentile(share) > (blockMs / 2) * 1_000, `${histogram.percentile(share)} µs`);
    }
  });
});

test('what is never answered is counted when time is up', async () => {
  await withServer(
    () => undefined,
    async (url) => {
      const pace = { kind: 'open', perSecond: 100 } as const;
      const report = await runLoad({ ...load, urls: [url], pace, drainMs: 50 });
      assert.equal(report.operations, 0);
      assert.ok((report.problems['unanswered'] ?? 0) > 0);
    },
  );
});

test('filling asks a server again that has too much to do', async () => {
  let busy = 3;
  const listener: RequestListener = (request, response) => {
    request.resume();
    request.on('end', () => {
      if (busy-- > 0) response.writeHead(503, { 'Content-Length': 21 }).end('{"code":"OVERLOADED"}');
      else response.writeHead(204).end();
    });
  };
  await withServer(listener, async (url) => {
    const { dialog, connections, valueBytes } = load;
    const spec = { dialog, connections, valueBytes, urls: [url], pipeline: 1, from: 0, to: 10 };
    assert.deepEqual((await fill(spec)).problems, {});
  });
  assert.ok(busy < -9);
});
