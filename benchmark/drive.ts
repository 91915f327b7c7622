/**
 * Drives whatever serves `/kv/<key>` over HTTP, and says how fast it is and what it costs.
 *
 *   node benchmark/drive.ts                                  the local cluster of nodes.json, PUT then GET
 *   node benchmark/drive.ts --url http://127.0.0.1:8080 --operation get --duration 10 --json out.json
 */

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

import { prefill, type Operation } from './load.ts';
import { measure, type Measurement } from './measurement.ts';
import { clusterPids } from './process-cpu.ts';
import { tableOf } from './report.ts';

const usage = `Usage: node benchmark/drive.ts [options]
  --url <url>          a server to drive; again for each node (default: all nodes of --config)
  --config <file>      the nodes of the cluster (default nodes.json)
  --operation <name>   put, get or mix; again for several (default put, then get)
  --connections <n>    requests under way at once (default 64)
  --duration <s>       seconds of each run (default 10)
  --warm-up <s>        seconds before it that do not count (default 2)
  --keys <n>           keys, drawn evenly (default 100000)
  --value-bytes <n>    length of a value (default 100)
  --no-prefill         don't put every key once before reading
  --pids <a,b,…>       the servers' processes, for their CPU time (default: those of --data-dir)
  --data-dir <folder>  where the cluster keeps its data, with a pid file for each node (default data)
  --json <file>        write the results there too
`;

const { values } = parseArgs({
  allowNegative: true,
  options: {
    url: { type: 'string', multiple: true },
    config: { type: 'string', default: 'nodes.json' },
    operation: { type: 'string', multiple: true, default: ['put', 'get'] },
    connections: { type: 'string', default: '64' },
    duration: { type: 'string', default: '10' },
    'warm-up': { type: 'string', default: '2' },
    keys: { type: 'string', default: '100000' },
    'value-bytes': { type: 'string', default: '100' },
    prefill: { type: 'boolean', default: true },
    pids: { type: 'string' },
    'data-dir': { type: 'string', default: 'data' },
    json: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

function positive(name: string, text: string, minimum = 1): number {
  const value = Number(text);
  if (!Number.isFinite(value) || value < minimum)
    throw new Error(`--${name} ${text}: a number from ${minimum} on`);
  return value;
}

function operations(): readonly Operation[] {
  return values.operation.map((name) => {
    if (name === 'put' || name === 'get' || name === 'mix') return name;
    throw new Error(`--operation ${name}: put, get or mix`);
  });
}

function urls(): readonly URL[] {
  if (values.url !== undefined) return values.url.map((text) => new URL(text));
  const nodes = JSON.parse(readFileSync(values.config, 'utf8')) as {
    readonly nodes: readonly { readonly addr: string }[];
  };
  return nodes.nodes.map(({ addr }) => new URL(`http://${addr}`));
}

function pids(): readonly number[] {
  if (values.pids !== undefined) return values.pids.split(',').map((text) => positive('pids', text));
  // With --url alone nobody said that the cluster in ./data is what is driven.
  return values.url === undefined && existsSync(values['data-dir']) ? clusterPids(values['data-dir']) : [];
}

async function main(): Promise<void> {
  if (values.help) {
    process.stdout.write(usage);
    return;
  }
  const load = {
    urls: urls(),
    connections: positive('connections', values.connections),
    keys: positive('keys', values.keys),
    valueBytes: positive('value-bytes', values['value-bytes'], 0),
  };
  const measurements: Measurement[] = [];
  if (values.prefill && operations().some((operation) => operation !== 'put')) {
    const { errors, durationMs } = await prefill(load);
    if (errors.size > 0) throw new Error(`prefilling failed: ${JSON.stringify(Object.fromEntries(errors))}`);
    process.stdout.write(`put ${load.keys} keys in ${(durationMs / 1_000).toFixed(1)} s\n`);
  }
  for (const operation of operations()) {
    const durationMs = positive('duration', values.duration, 0.1) * 1_000;
    const warmUpMs = positive('warm-up', values['warm-up'], 0) * 1_000;
    measurements.push(await measure({ ...load, operation, durationMs, warmUpMs, pids: pids() }));
  }
  const named = measurements.map((measurement) => ({
    name: load.urls.map((url) => url.host).join(' '),
    measurement,
  }));
  process.stdout.write(`${tableOf(named)}\n`);
  if (values.json !== undefined)
    writeFileSync(values.json, `${JSON.stringify(measurements, undefined, 2)}\n`);
}

await main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
  process.exitCode = 1;
});
