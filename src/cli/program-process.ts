/** How this program starts itself again as another process. */

import { extname, join } from 'node:path';
import { setFlagsFromString } from 'node:v8';

/**
 * A small young generation: under load a node with a million keys then takes 35 MiB less at the same throughput
 * (benchmark/million-keys.ts), since what it holds for long lies outside the JavaScript heap.
 */
export const heapFlags: readonly string[] = ['--max-semi-space-size=8'];

export const heapGrowthFlag = '--heap-growing-percent=300';

/**
 * Lets the heap, and the buffers outside of it that are counted with it, grow to four times what lives between two full
 * collections. By V8's own measure a few values of 4 MiB a second have each node collect several times a second, and every small
 * request waits (benchmark/background-work.ts, decision 0024). Costs that much more memory.
 */
export function letHeapGrow(): void {
  setFlagsFromString(heapGrowthFlag);
}

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
