/**
 * Floors that another node is known to have are raised here too, on sight: who has one has seen all owners agree, this
 * one included. A node that is being refilled adopts them as well, and goes on taking what it lacks from below.
 */

import { errorMessageOf } from '../core/errors.ts';
import type { Observer } from '../ports/observer.ts';
import type { PartitionFloor } from '../protocol/healing-messages.ts';
import type { FloorResult, Store } from '../storage/store.ts';

/** Resolves once they are raised; a disk that does not take them now is tried again at the next sight. */
export async function adoptFloors(
  parts: { readonly store: Store; readonly observer: Observer },
  floors: readonly PartitionFloor[],
): Promise<FloorResult> {
  const { store, observer } = parts;
  const higher = floors.filter(({ partition, floorMs }) => floorMs > store.floorOf(partition));
  if (higher.length === 0) return { dropped: 0, droppedBytes: 0 };
  try {
    const result = await store.raiseFloors(higher);
    observer.count('floor.raised', higher.length);
    if (result.dropped > 0) observer.count('floor.forgotten', result.dropped);
    return result;
  } catch (error) {
    observer.count('floor.raise-failed');
    observer.log(
      'warn',
      'floor.raise-failed',
      `stability floors could not be raised: ${errorMessageOf(error)}`,
    );
    return { dropped: 0, droppedBytes: 0 };
  }
}
