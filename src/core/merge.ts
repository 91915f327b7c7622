/**
 * The only place where conflicts are resolved.
 *
 * `mergeRecords` is commutative, associative and idempotent, so put, read repair, hinted handoff,
 * anti-entropy, snapshot load and log replay are all the same act: carry a record to a replica and
 * merge it there. Last write wins keeps the version that is greater in a total order: dot first;
 * should two versions ever carry one dot (a fault), tombstone, checksum, expiry and finally the
 * bytes themselves decide, so that all replicas still converge to the same bytes.
 */

import { compareBytes } from './bytes.ts';
import { compareDots } from './dot.ts';
import { assert } from './errors.ts';
import type { StoredRecord, VersionDigest } from './record.ts';

/** The order of merge as far as digests tell; zero means equal for all that a digest holds. */
export function compareVersions(left: VersionDigest, right: VersionDigest): number {
  return (
    compareDots(left.dot, right.dot) ||
    Number(left.tombstone) - Number(right.tombstone) ||
    left.checksum - right.checksum ||
    left.expiresAtMs - right.expiresAtMs
  );
}

/** The merged state of two records of the same key: one of the two, unchanged. */
export function mergeRecords(left: StoredRecord, right: StoredRecord): StoredRecord {
  assert(compareBytes(left.key, right.key) === 0, 'only records of one key are merged');
  const order = compareVersions(left.version, right.version) || compareBytes(left.bytes, right.bytes);
  return order >= 0 ? left : right;
}

/** Whether merging `incoming` into a replica that holds `held` would change what it holds. */
export function supersedes(incoming: VersionDigest, held: VersionDigest | undefined): boolean {
  return held === undefined || compareVersions(incoming, held) > 0;
}
