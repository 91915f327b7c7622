/** How this program starts itself again as another process. */

import { extname, join } from 'node:path';

/**
 * A small young generation: under load a node with a million keys then takes 175 MiB instead of 210 at the same
 * throughput (benchmark/million-keys.ts), since what it holds for long lies outside the JavaScript heap.
 */
export const heapFlags: readonly string[] = ['--max-semi-space-size=8'];

/**
 * glibc by and by takes ever larger blocks from its heap instead of from the system, and what an index table leaves behind when it
 * is outgrown stays there in pieces: 63 bytes for each of five million keys that a process has written, 51 with this
 * fixed limit (benchmark/memory-per-key.ts). Other C libraries don't look at it.
 */
export const allocatorEnvironment = { MALLOC_MMAP_THRESHOLD_: '131072' } as const;

/** `main` beside this file: `.ts` in a checkout, `.js` in a package. */
export function mainPath(): string {
  return join(import.meta.dirname, `main${extname(import.meta.filename)}`);
}
