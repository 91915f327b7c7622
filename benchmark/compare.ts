/**
 * The store beside a bare `node:http` server, under the same driver in the same minutes.
 *
 * A figure alone says more about the machine and its neighbours than about the store. So runs alternate
 * (store, bare, store, bare, …), each pair gives a ratio, and the ratios are what is to be looked at. Nothing
 * is asserted: a slow machine is no failed build.
 *
 *   node benchmark/compare.ts --pairs 5 --duration 5 --json compare.json
 */

import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

import { prefill, type Operation } from './load.ts';
import { measure, round, type Measurement } from './measurement.ts';
import { tableOf } from './report.ts';
import { startBareServer, startCluster, type RunningServer } from './server-process.ts';

const { values } = parseArgs({
  options: {
    // One node of the cluster; {id}, {addr}, {config} and {data} are filled in.
    command: {
      type: 'string',
      default: 'node src/cli/main.ts serve --id {id} --config {config} --data-dir {data}',
    },
    'ready-path': { type: 'string', default: '/ready' },
    nodes: { type: 'string', default: '3' },
    pairs: { type: 'string', default: '5' },
    duration: { type: 'string', default: '5' },
    'warm-up': { type: 'string', default: '2' },
    connections: { type: 'string', default: '64' },
    keys: { type: 'string', default: '100000' },
    'value-bytes': { type: 'string', default: '100' },
    json: { type: 'string' },
  },
});

interface Pair {
  readonly store: Measurement;
  readonly bare: Measurement;
  readonly ratio: number;
}

interface Comparison {
  readonly operation: Operation;
  readonly pairs: readonly Pair[];
  readonly ratio: { readonly min: number; readonly median: number; readonly max: number };
}

const load = {
  connections: Number(values.connections),
  keys: Number(values.keys),
  valueBytes: Number(values['value-bytes']),
};

async function measureServer(server: RunningServer, operation: Operation): Promise<Measurement> {
  return measure({
    ...load,
    urls: server.urls,
    pids: server.pids,
    operation,
    durationMs: Number(values.duration) * 1_000,
    warmUpMs: Number(values['warm-up']) * 1_000,
  });
}

async function compare(operation: Operation, store: RunningServer, bare: RunningServer): Promise<Comparison> {
  const pairs: Pair[] = [];
  for (let index = 0; index < Number(values.pairs); index++) {
    const ofStore = await measureServer(store, operation);
    const ofBare = await measureServer(bare, operation);
    const ratio = round(ofStore.operationsPerSecond / ofBare.operationsPerSecond, 3);
    pairs.push({ store: ofStore, bare: ofBare, ratio });
  }
  const ratios = pairs.map((pair) => pair.ratio).toSorted((left, right) => left - right);
  const middle = (ratios[(ratios.length - 1) >>> 1] ?? 0) + (ratios[ratios.length >>> 1] ?? 0);
  return {
    operation,
    pairs,
    ratio: { min: ratios[0] ?? 0, median: round(middle / 2, 3), max: ratios.at(-1) ?? 0 },
  };
}

function show({ operation, pairs, ratio }: Comparison): void {
  const rows = pairs.flatMap(({ store, bare }) => [
    { name: 'store', measurement: store },
    { name: 'bare', measurement: bare },
  ]);
  process.stdout.write(`${tableOf(rows)}\n`);
  process.stdout.write(
    `${operation}: store / bare = ${ratio.median} (min ${ratio.min}, max ${ratio.max}, ${pairs.length} pairs)\n\n`,
  );
}

const bare = await startBareServer();
const comparisons: Comparison[] = [];
try {
  const store = await startCluster({
    nodes: Number(values.nodes),
    command: values.command,
    readyPath: values['ready-path'],
  });
  try {
    const { errors } = await prefill({ ...load, urls: store.urls });
    if (errors.size > 0) throw new Error(`prefilling failed: ${JSON.stringify(Object.fromEntries(errors))}`);
    for (const operation of ['put', 'get'] as const) {
      const comparison = await compare(operation, store, bare);
      comparisons.push(comparison);
      show(comparison);
    }
  } finally {
    await store.stop();
  }
} finally {
  await bare.stop();
}
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(comparisons, undefined, 2)}\n`);
