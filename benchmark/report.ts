/** What a person sees of measurements: one line each, in columns. */

import type { Measurement } from './measurement.ts';

const columns = ['', 'op', 'ops/s', 'p50 ms', 'p90', 'p99', 'p99.9', 'max', 'cpu s/1k', 'driver', 'errors'];

/** A table with a heading; `name` says which server a measurement is of. */
export function tableOf(
  measurements: readonly { readonly name: string; readonly measurement: Measurement }[],
): string {
  const rows = measurements.map(({ name, measurement }) => {
    const { latencyMs } = measurement;
    return [
      name,
      measurement.operation,
      String(measurement.operationsPerSecond),
      ...[latencyMs.p50, latencyMs.p90, latencyMs.p99, latencyMs.p999, latencyMs.max].map((ms) =>
        ms.toFixed(2),
      ),
      measurement.serverCpuSecondsPer1000?.toFixed(4) ?? '-',
      measurement.driverCpuSecondsPer1000.toFixed(4),
      errorsText(measurement.errors),
    ];
  });
  const all = [columns, ...rows];
  const widths = columns.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  return all.map((row) => lineOf(row, widths)).join('\n');
}

function lineOf(row: readonly string[], widths: readonly number[]): string {
  const cells = row.map((cell, column) => {
    const width = widths[column] ?? 0;
    return column < 2 ? cell.padEnd(width) : cell.padStart(width);
  });
  return cells.join('  ').trimEnd();
}

function errorsText(errors: Readonly<Record<string, number>>): string {
  const parts = Object.entries(errors).map(([what, count]) => `${what}: ${count}`);
  return parts.length === 0 ? '0' : parts.join(', ');
}
