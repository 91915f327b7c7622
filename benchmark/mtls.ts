/**
 * What mutual TLS between nodes costs: two clusters of three, one plain and one with certificates, under the same
 * driver in turns (plain, TLS, TLS, plain, …). Each pair gives a ratio of throughput and one of the nodes' CPU time per
 * operation; both clusters run all the time, so what an idle one does disturbs both alike.
 *
 * Many short runs tell more than a few long ones when the machine has other work.
 *
 *   node benchmark/mtls.ts --pairs 12 --duration 2 --json mtls.json
 */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { prefill, type Operation } from './load.ts';
import { measure, round, type Measurement } from './measurement.ts';
import { tableOf } from './report.ts';
import { startCluster, type RunningServer } from './server-process.ts';

const { values } = parseArgs({
  options: {
    pairs: { type: 'string', default: '12' },
    duration: { type: 'string', default: '2' },
    'warm-up': { type: 'string', default: '0.3' },
    connections: { type: 'string', default: '64' },
    keys: { type: 'string', default: '20000' },
    'value-bytes': { type: 'string', default: '100' },
    json: { type: 'string' },
  },
});

interface Pair {
  readonly plain: Measurement;
  readonly tls: Measurement;
}

interface Comparison {
  readonly operation: Operation;
  readonly pairs: readonly Pair[];
  /** Of TLS to plain, for each pair. */
  readonly throughput: Spread;
  readonly cpu: Spread;
}

interface Spread {
  readonly min: number;
  readonly median: number;
  readonly max: number;
}

const load = {
  connections: Number(values.connections),
  keys: Number(values.keys),
  valueBytes: Number(values['value-bytes']),
};
const certificates = join(import.meta.dirname, '..', 'test', 'fixtures', 'peer-tls');
const peerTls = {
  ca: join(certificates, 'ca.crt'),
  cert: join(certificates, '{id}.crt'),
  key: join(certificates, '{id}.key'),
};

function start(settings: Readonly<Record<string, unknown>>): Promise<RunningServer> {
  return startCluster({
    nodes: 3,
    command: 'node src/cli/main.ts serve --id {id} --config {config} --data-dir {data}',
    readyPath: '/ready',
    settings,
  });
}

function measureServer({ urls, pids }: RunningServer, operation: Operation): Promise<Measurement> {
  const durationMs = Number(values.duration) * 1_000;
  return measure({ ...load, urls, pids, operation, durationMs, warmUpMs: Number(values['warm-up']) * 1_000 });
}

async function compare(operation: Operation, plain: RunningServer, tls: RunningServer): Promise<Comparison> {
  const pairs: Pair[] = [];
  for (let index = 0; index < Number(values.pairs); index++) {
    // Whatever gets slower or faster in these minutes must not always favour the same one.
    const first = await measureServer(index % 2 === 0 ? plain : tls, operation);
    const second = await measureServer(index % 2 === 0 ? tls : plain, operation);
    pairs.push(index % 2 === 0 ? { plain: first, tls: second } : { plain: second, tls: first });
  }
  return {
    operation,
    pairs,
    throughput: spreadOf(pairs.map((pair) => pair.tls.operationsPerSecond / pair.plain.operationsPerSecond)),
    cpu: spreadOf(
      pairs.map(
        (pair) => (pair.tls.serverCpuSecondsPer1000 ?? NaN) / (pair.plain.serverCpuSecondsPer1000 ?? NaN),
      ),
    ),
  };
}

function spreadOf(ratios: readonly number[]): Spread {
  const sorted = ratios.toSorted((left, right) => left - right);
  const middle = (sorted[(sorted.length - 1) >>> 1] ?? NaN) + (sorted[sorted.length >>> 1] ?? NaN);
  return {
    min: round(sorted[0] ?? NaN, 3),
    median: round(middle / 2, 3),
    max: round(sorted.at(-1) ?? NaN, 3),
  };
}

function show({ operation, pairs, throughput, cpu }: Comparison): void {
  const rows = pairs.flatMap(({ plain, tls }) => [
    { name: 'plain', measurement: plain },
    { name: 'TLS', measurement: tls },
  ]);
  const textOf = ({ min, median, max }: Spread): string => `${median} (min ${min}, max ${max})`;
  console.log(tableOf(rows));
  console.log(`${operation}: TLS / plain, ${pairs.length} pairs`);
  console.log(`  throughput ${textOf(throughput)}`);
  console.log(`  CPU of the nodes per operation ${textOf(cpu)}\n`);
}

const comparisons: Comparison[] = [];
const plain = await start({});
try {
  const tls = await start({ peerTls });
  try {
    for (const { urls } of [plain, tls]) {
      const { errors } = await prefill({ ...load, urls });
      if (errors.size > 0) throw new Error(`prefilling failed: ${JSON.stringify([...errors])}`);
    }
    for (const operation of ['put', 'get'] as const) {
      const comparison = await compare(operation, plain, tls);
      comparisons.push(comparison);
      show(comparison);
    }
  } finally {
    await tls.stop();
  }
} finally {
  await plain.stop();
}
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(comparisons, undefined, 2)}\n`);
