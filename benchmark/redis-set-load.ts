/**
 * A load generator of `SET`, one request at a time on each connection, optionally with a `WAIT` behind each, which
 * `redis-benchmark` cannot send. A process of its own; prints one line of JSON.
 *
 *   node benchmark/redis-set-load.ts --ports 7001,7002 --connections 64 --requests 100000 --wait 1
 */

import { connect } from 'node:net';
import { parseArgs } from 'node:util';

export interface SetLoadResult {
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Answers other than OK, or writes that fewer replicas than asked had acknowledged. */
  readonly failures: number;
}

const { values } = parseArgs({
  options: {
    ports: { type: 'string', default: '6379' },
    connections: { type: 'string', default: '64' },
    requests: { type: 'string', default: '100000' },
    keys: { type: 'string', default: '100000' },
    'value-bytes': { type: 'string', default: '100' },
    // Replicas beside the first that must have each write; 0 sends no WAIT.
    wait: { type: 'string', default: '0' },
  },
});

const ports = values.ports.split(',').map(Number);
const connections = Number(values.connections);
const requests = Number(values.requests);
const replicas = Number(values.wait);
const value = 'x'.repeat(Number(values['value-bytes']));
const wait = replicas === 0 ? '' : `*3\r\n$4\r\nWAIT\r\n$1\r\n${replicas}\r\n$1\r\n0\r\n`;
const latenciesMs = new Float64Array(requests);
let started = 0;
let failures = 0;

/** One connection's share: it sends the next request when the one before is answered. */
function run(port: number): Promise<void> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  let answer = '';
  let sentMs = 0;
  let index = 0;
  return new Promise((resolve, reject) => {
    const send = (): void => {
      if (started >= requests) {
        socket.destroy();
        resolve();
        return;
      }
      index = started++;
      const key = `key:${String((index * 7_919) % Number(values.keys)).padStart(12, '0')}`;
      sentMs = performance.now();
      socket.write(`*3\r\n$3\r\nSET\r\n$16\r\n${key}\r\n$${value.length}\r\n${value}\r\n${wait}`);
    };
    socket.on('connect', send).on('error', reject);
    socket.on('data', (chunk: Buffer) => {
      answer += chunk.toString('latin1');
      const lines = answer.split('\r\n');
      if (lines.length <= (replicas === 0 ? 1 : 2)) return;
      latenciesMs[index] = performance.now() - sentMs;
      if (lines[0] !== '+OK' || (replicas > 0 && Number(lines[1]?.slice(1)) < replicas)) failures++;
      answer = '';
      send();
    });
  });
}

const startedMs = performance.now();
await Promise.all(Array.from({ length: connections }, (_, index) => run(ports[index % ports.length] ?? 0)));
const seconds = (performance.now() - startedMs) / 1_000;
latenciesMs.sort();
const result: SetLoadResult = {
  requestsPerSecond: Math.round(requests / seconds),
  p50Ms: Number((latenciesMs[Math.floor(requests / 2)] ?? 0).toFixed(3)),
  p99Ms: Number((latenciesMs[Math.floor(requests * 0.99)] ?? 0).toFixed(3)),
  failures,
};
process.stdout.write(`${JSON.stringify(result)}\n`);
