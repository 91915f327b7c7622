/**
 * A copy of the store in a new folder, mostly by hard links: a finished file never changes, so two
 * names for one content are two copies.
 *
 * The last segment is copied, not linked: here it may still grow, there it is what the copy's own
 * writes are appended to. `node-state.json` is not part of a backup, so a node started on one is a new
 * actor and cannot mint a dot that exists already.
 */

import type { Checksum } from '../core/crc32.ts';
import { StoreError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { Disk, DiskFile } from '../ports/disk.ts';
import { checkpointPath, snapshotDirectory } from './checkpoint-file.ts';
import { floorFileName } from './floor-file.ts';
import { publishFile } from './publish-file.ts';
import { quarantineDirectory } from './quarantine.ts';
import { hintPathOf, logDirectory } from './segment-name.ts';
import type { Segment } from './segment.ts';
import type { StabilityFloors } from './stability-floors.ts';

export interface BackupOptions {
  readonly disk: Disk;
  /** A folder that does not exist yet. */
  readonly path: string;
  /** All segments that the checkpoint names, in log order. */
  readonly segments: readonly Segment[];
  readonly checkpointNumber: number;
  readonly floors: StabilityFloors;
  readonly checksum: Checksum;
}

/** Resolves once the copy is durable. Nothing may delete segments or checkpoints meanwhile. */
export async function copyStore(options: BackupOptions): Promise<void> {
  const { disk, path, segments, checkpointNumber, checksum } = options;
  await checkTarget(disk, path);
  // As they are now: the copy may lack what comes in before a later raise.
  const floors = options.floors.extremes.floorMaxMs > 0 ? options.floors.encode([], checksum) : undefined;
  const hintFiles = new Set((await disk.list(logDirectory)).map((entry) => `${logDirectory}/${entry.name}`));
  await disk.makeDirectory(`${path}/${logDirectory}`);
  await disk.makeDirectory(`${path}/${snapshotDirectory}`);
  for (const segment of segments) {
    if (segment === segments.at(-1)) {
      await copyFile(disk, segment, `${path}/${segment.path}`);
      continue;
    }
    await disk.link(segment.path, `${path}/${segment.path}`);
    const hintPath = hintPathOf(segment.path);
    if (hintFiles.has(hintPath)) await disk.link(hintPath, `${path}/${hintPath}`);
  }
  const checkpoint = checkpointPath(checkpointNumber);
  await disk.link(checkpoint, `${path}/${checkpoint}`);
  if (floors !== undefined)
    await publishFile(disk, `${path}/${floorFileName}`, (file) => file.write([floors], 0));
  await disk.syncDirectory(`${path}/${logDirectory}`);
  await disk.syncDirectory(`${path}/${snapshotDirectory}`);
  for (let folder = path; ; folder = parentOf(folder)) {
    await disk.syncDirectory(folder);
    if (folder === '') break;
  }
}

async function checkTarget(disk: Disk, path: string): Promise<void> {
  const top = path.split('/')[0] ?? '';
  if (path === '' || [logDirectory, snapshotDirectory, quarantineDirectory, floorFileName].includes(top)) {
    throw new StoreError('BAD_REQUEST', `a backup cannot go to ${path}: the store keeps its own files there`);
  }
  if ((await disk.list(path)).length > 0) {
    throw new StoreError('BAD_REQUEST', `${path} is not empty: name a new folder for the backup`);
  }
}

/** Copies what of a segment is in the log by now. */
async function copyFile(disk: Disk, segment: Segment, to: string): Promise<void> {
  const end = segment.end;
  const copy: DiskFile = await disk.open(to, 'create');
  try {
    const buffer = new Uint8Array(Math.min(end, limits.segmentReadBytes));
    for (let done = 0; done < end;) {
      const piece = buffer.subarray(0, Math.min(buffer.length, end - done));
      const read = await segment.file.read(piece, done);
      if (read < piece.length) {
        throw new StoreError('DISK_READ_FAILED', `${segment.path} ends at ${done + read}, before ${end}`);
      }
      await copy.write([piece], done);
      done += read;
    }
    await copy.sync();
  } finally {
    await copy.close();
  }
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}
