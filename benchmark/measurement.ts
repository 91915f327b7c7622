/**
 * One measured run: warm up, run, and what it cost in the servers' and in the driver's CPU.
 *
 * Everything here runs on one machine, so throughput is cores divided by CPU per operation of servers and
 * driver together: the figures to watch are the CPU ones, which a busy neighbour disturbs least.
 */

import { runLoad, type LoadOptions } from './load.ts';
import { cpuSecondsOf } from './process-cpu.ts';

export interface MeasurementOptions extends LoadOptions {
  readonly durationMs: number;
  /** Runs first, uncounted: connections are made and code gets compiled. */
  readonly warmUpMs: number;
  /** The servers' processes, for their CPU time. */
  readonly pids: readonly number[];
}

/** All that is known of one run; plain data, as it goes into the JSON file. */
export interface Measurement {
  readonly operation: string;
  readonly urls: readonly string[];
  readonly connections: number;
  readonly keys: number;
  readonly valueBytes: number;
  readonly durationMs: number;
  readonly operations: number;
  readonly operationsPerSecond: number;
  readonly latencyMs: {
    readonly p50: number;
    readonly p90: number;
    readonly p99: number;
    readonly p999: number;
    readonly max: number;
  };
  readonly errors: Readonly<Record<string, number>>;
  /** CPU seconds of all server processes together; null where it cannot be measured. */
  readonly serverCpuSecondsPer1000: number | null;
  readonly driverCpuSecondsPer1000: number;
}

export async function measure(options: MeasurementOptions): Promise<Measurement> {
  if (options.warmUpMs > 0) await runLoad({ ...options, durationMs: options.warmUpMs });
  const serverBefore = cpuSecondsOf(options.pids);
  const driverBefore = process.cpuUsage();
  const result = await runLoad(options);
  const driver = process.cpuUsage(driverBefore);
  const serverAfter = cpuSecondsOf(options.pids);

  const per1000 = (seconds: number): number => round((seconds * 1_000) / Math.max(1, result.operations), 5);
  const percentileMs = (share: number): number => round(result.latency.percentile(share) / 1_000, 3);
  return {
    operation: options.operation,
    urls: options.urls.map(String),
    connections: options.connections,
    keys: options.keys,
    valueBytes: options.valueBytes,
    durationMs: Math.round(result.durationMs),
    operations: result.operations,
    operationsPerSecond: Math.round((result.operations * 1_000) / result.durationMs),
    latencyMs: {
      p50: percentileMs(0.5),
      p90: percentileMs(0.9),
      p99: percentileMs(0.99),
      p999: percentileMs(0.999),
      max: round(result.latency.max / 1_000, 3),
    },
    errors: Object.fromEntries(result.errors),
    serverCpuSecondsPer1000:
      serverBefore === undefined || serverAfter === undefined ? null : per1000(serverAfter - serverBefore),
    driverCpuSecondsPer1000: per1000((driver.user + driver.system) / 1e6),
  };
}

export function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
