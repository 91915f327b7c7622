/**
 * Loaded into a node before its own code (`node --import`): tells, whenever SIGUSR2 asks, how many bytes have been
 * allocated on its heap since it started. Nothing of the product knows of it.
 */

import { getHeapStatistics } from 'node:v8';
import { writeSync } from 'node:fs';

export const answerPrefix = 'allocated bytes: ';

process.on('SIGUSR2', () => {
  const { total_allocated_bytes: bytes } = getHeapStatistics() as { readonly total_allocated_bytes?: number };
  writeSync(1, `${answerPrefix}${bytes ?? 'unknown'}\n`);
});
