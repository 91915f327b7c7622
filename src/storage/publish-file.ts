/**
 * Replacing a file as a whole: written aside, synced, renamed, and the folder synced, in that order.
 *
 * A crash at any instant leaves the old content or the new one under the path, never a mixture.
 */

import type { Disk, DiskFile } from '../ports/disk.ts';

/**
 * Writes a file aside and puts it in its place once it is durable, so that the path holds the old
 * content or the new one. After a failure nothing is left of the attempt as far as the disk allows.
 */
export async function publishFile(
  disk: Disk,
  path: string,
  write: (file: DiskFile) => Promise<void>,
): Promise<void> {
  const temporaryPath = `${path}.tmp`;
  try {
    const file = await disk.open(temporaryPath, 'create');
    try {
      await write(file);
      await file.sync();
    } finally {
      await file.close();
    }
    await disk.rename(temporaryPath, path);
  } catch (error) {
    // The first failure is the one to report; a leftover is overwritten by the next attempt.
    await disk.remove(temporaryPath).catch(() => undefined);
    throw error;
  }
  await disk.syncDirectory(path.slice(0, Math.max(0, path.lastIndexOf('/'))));
}
