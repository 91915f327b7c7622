/**
 * The numbers that `SCAN` gives out, and where each goes on.
 *
 * A Redis cursor is a number of 64 bits, a cursor of the store is opaque, so a scan under way is remembered here. Its
 * cursor counts its pages: the last one and the one before are known, so that a page whose reply was lost can be
 * asked for again. The scan that was not used for longest is forgotten when there are too many.
 */

import { limits } from '../../core/limits.ts';
import type { ScanCursor } from '../../storage/store.ts';

interface Scan {
  /** The page that the newest cursor asks for, and where it and the one before begin. */
  page: number;
  position: ScanCursor;
  before: ScanCursor | undefined;
}

const pagesMax = 2 ** 32;
const scansMax = 2 ** 20;

export class ScanCursors {
  readonly #scans = new Map<number, Scan>();
  #last = 0;

  /** Where a cursor goes on; undefined for one that is not known (any more). */
  find(cursor: number): ScanCursor | undefined {
    const id = Math.floor(cursor / pagesMax);
    const scan = this.#scans.get(id);
    if (scan === undefined) return undefined;
    this.#scans.delete(id);
    this.#scans.set(id, scan);
    const page = cursor % pagesMax;
    if (page === scan.page) return scan.position;
    return page === scan.page - 1 ? scan.before : undefined;
  }

  /** The cursor for the page that begins at a position, behind the page of `cursor`; 0 begins a scan. */
  follow(cursor: number, position: ScanCursor): number {
    let id = Math.floor(cursor / pagesMax);
    const page = (cursor % pagesMax) + 1;
    const scan = this.#scans.get(id);
    if (scan === undefined) {
      id = this.#last = (this.#last % scansMax) + 1;
      this.#scans.set(id, { page, position, before: undefined });
      this.#forgetOldest();
    } else if (page !== scan.page) {
      scan.before = scan.position;
      scan.position = position;
      scan.page = page;
    }
    return id * pagesMax + page;
  }

  #forgetOldest(): void {
    if (this.#scans.size <= limits.redisScansMax) return;
    for (const oldest of this.#scans.keys()) {
      this.#scans.delete(oldest);
      return;
    }
  }
}
