/**
 * What the stability floor of a partition lets its owners forget.
 *
 * Below the floor all owners hold the same, durably, and nobody anywhere can still bring anything older or
 * new (docs/decisions/0012-deletes-need-no-timer.md). So a delete that lies below it has nothing left to
 * win against: each owner may drop it, whenever it likes, and refuses whatever comes from below later.
 *
 * No wall clock is asked: whether a version has expired is decided against the floor, which is the same for
 * all owners, or they would drop at different times and differ meanwhile.
 */

import type { VersionDigest } from './record.ts';

/** The floor of a partition that has none: nothing lies at or below it. */
export const noFloorMs = 0;

/** Whether a version lies at or below a floor. */
export function isBelowFloor(version: Pick<VersionDigest, 'dot'>, floorMs: number): boolean {
  return version.dot.wallMs <= floorMs;
}

/** Whether a version at or below the floor says nothing that its absence would not say. */
export function isCollectable(
  version: Pick<VersionDigest, 'dot' | 'tombstone' | 'expiresAtMs'>,
  floorMs: number,
): boolean {
  const isExpired = version.expiresAtMs !== 0 && version.expiresAtMs <= floorMs;
  return floorMs > noFloorMs && isBelowFloor(version, floorMs) && (version.tombstone || isExpired);
}
