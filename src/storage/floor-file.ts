/**
 * Where the log engine keeps its stability floors: one small file, replaced as a whole.
 *
 * A file that cannot be believed leaves the store without floors. What had been forgotten under them is
 * then unknown, so the store's word counts as no evidence until the owners, who have the same floors,
 * have been compared.
 */

import type { Checksum } from '../core/crc32.ts';
import { errorMessageOf } from '../core/errors.ts';
import type { Disk } from '../ports/disk.ts';
import { publishFile } from './publish-file.ts';
import type { Quarantine } from './quarantine.ts';
import { floorsBytes, StabilityFloors, type FloorRaise } from './stability-floors.ts';

/** In the data directory. */
export const floorFileName = 'floors';

/** The floors on the disk; none when there is no file. */
export async function loadFloors(options: {
  readonly disk: Disk;
  readonly checksum: Checksum;
  readonly partitions: number;
  readonly quarantine: Quarantine;
}): Promise<StabilityFloors> {
  const { disk, checksum, partitions, quarantine } = options;
  const floors = new StabilityFloors({ partitions });
  const names = (await disk.list('')).map((entry) => entry.name);
  if (names.includes(`${floorFileName}.tmp`)) await disk.remove(`${floorFileName}.tmp`);
  if (names.includes(floorFileName)) {
    const reason = await readFloors(disk, floors, checksum);
    if (reason !== undefined) {
      quarantine.note({ file: floorFileName, offset: 0, bytes: floorsBytes(partitions), reason });
      await quarantine.loseEvidence('damaged');
    }
  }
  for (let partition = 0; partition < partitions; partition++) {
    floors.setRefill(partition, quarantine.hasLost);
  }
  return floors;
}

/** Writes the floors as they will be once `raises` are in; durable when it resolves. */
export async function publishFloors(options: {
  readonly disk: Disk;
  readonly checksum: Checksum;
  readonly floors: StabilityFloors;
  readonly raises: readonly FloorRaise[];
  /** Default the data directory's own. */
  readonly path?: string;
}): Promise<void> {
  const bytes = options.floors.encode(options.raises, options.checksum);
  await publishFile(options.disk, options.path ?? floorFileName, (file) => file.write([bytes], 0));
}

async function readFloors(
  disk: Disk,
  floors: StabilityFloors,
  checksum: Checksum,
): Promise<string | undefined> {
  try {
    const file = await disk.open(floorFileName, 'read');
    try {
      const bytes = new Uint8Array(floorsBytes(floors.partitions) + 1);
      const read = await file.read(bytes, 0);
      return floors.decode(bytes.subarray(0, read), checksum);
    } finally {
      await file.close();
    }
  } catch (error) {
    return errorMessageOf(error);
  }
}
