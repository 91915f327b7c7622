/** How this program starts itself again as another process. */

import { extname, join } from 'node:path';

/**
 * A small young generation: under load a node with a million keys then takes 175 MiB instead of 210 at the same
 * throughput (benchmark/million-keys.ts), since what it holds for long lies outside the JavaScript heap.
 */
export const heapFlags: readonly string[] = ['--max-semi-space-size=8'];

/** `main` beside this file: `.ts` in a checkout, `.js` in a package. */
export function mainPath(): string {
  return join(import.meta.dirname, `main${extname(import.meta.filename)}`);
}
