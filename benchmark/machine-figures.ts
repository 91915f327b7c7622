/**
 * What the machine as a whole says of itself, from `/proc/stat` and `/proc/diskstats`: what else a figure may come from than the
 * program that is measured.
 *
 * Linux only. Elsewhere the answer is undefined and the report leaves it out.
 */

import { readFileSync } from 'node:fs';
import { ticksPerSecond } from './process-cpu.ts';

/** Since the machine started. */
export interface MachineFigures {
  /** Milliseconds of its processors that a virtual machine wanted and did not get from its host, over all of them. */
  readonly stolenMs: number;
  /** Writes that its disks carried out. */
  readonly diskWrites: number;
}

export function machineFigures(): MachineFigures | undefined {
  try {
    const stolenTicks = stolenTicksOf(readFileSync('/proc/stat', 'utf8'));
    return {
      stolenMs: Math.round((stolenTicks * 1_000) / ticksPerSecond()),
      diskWrites: diskWritesOf(readFileSync('/proc/diskstats', 'utf8')),
    };
  } catch {
    return undefined;
  }
}

/** Field 8 of the line of all processors (proc(5)). */
export function stolenTicksOf(stat: string): number {
  return Number(/^cpu +(.*)$/m.exec(stat)?.[1]?.split(' ')[7] ?? 0);
}

/** Field 8 of each whole disk: partitions, and devices made of others, would count a write twice. */
export function diskWritesOf(diskstats: string): number {
  return diskstats
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , name = '']) => /^(?:[vsx]v?d[a-z]+|nvme\d+n\d+)$/.test(name))
    .reduce((sum, fields) => sum + Number(fields[7]), 0);
}
