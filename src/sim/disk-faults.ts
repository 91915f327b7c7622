/**
 * The faults planned for a simulated disk: which of the next operations fail, and how.
 */

import { StoreError, type ErrorCode } from '../core/errors.ts';

export type DiskOperation =
  | 'lock'
  | 'makeDirectory'
  | 'list'
  | 'open'
  | 'size'
  | 'read'
  | 'write'
  | 'sync'
  | 'truncate'
  | 'close'
  | 'rename'
  | 'link'
  | 'remove'
  | 'syncDirectory';

export interface PlannedFault {
  readonly operation: DiskOperation;
  /** Only operations on a path that contains this text. */
  readonly pathIncludes?: string;
  /** Only operations at a moment when this holds. */
  readonly onlyWhile?: () => boolean;
  /** How many operations fail; 1 unless told. `Infinity` is a disk that stays broken. */
  readonly times?: number;
  /** `DISK_…_FAILED` of the operation unless told. */
  readonly code?: ErrorCode;
  /** For a failing write: how many of its bytes reach the file all the same; 0 unless told. */
  readonly bytesWritten?: number;
}

/** Thrown by a `beforeOperation` hook: the power goes out before that operation. */
export class SimulatedCrash extends Error {
  constructor() {
    super('simulated crash');
    this.name = 'SimulatedCrash';
  }
}

export interface InjectedFailure {
  readonly error: StoreError;
  readonly bytesWritten: number;
}

export class DiskFaults {
  readonly #planned: { readonly fault: PlannedFault; left: number }[] = [];

  /** Plans a failure; the function returned takes it back. */
  failNext(fault: PlannedFault): () => void {
    const entry = { fault, left: fault.times ?? 1 };
    this.#planned.push(entry);
    return () => {
      entry.left = 0;
    };
  }

  clear(): void {
    this.#planned.length = 0;
  }

  /** The failure due for this operation, if any; it is used up. */
  take(operation: DiskOperation, path: string): InjectedFailure | undefined {
    for (const [index, entry] of this.#planned.entries()) {
      const { fault } = entry;
      if (entry.left <= 0 || fault.operation !== operation) continue;
      if (fault.pathIncludes !== undefined && !path.includes(fault.pathIncludes)) continue;
      if (fault.onlyWhile !== undefined && !fault.onlyWhile()) continue;
      entry.left -= 1;
      if (entry.left === 0) this.#planned.splice(index, 1);
      const error = new StoreError(
        fault.code ?? failureCodeOf(operation),
        `${operation} ${path}: injected fault`,
      );
      return { error, bytesWritten: fault.bytesWritten ?? 0 };
    }
    return undefined;
  }
}

/** The code under which an operation fails. */
export function failureCodeOf(operation: DiskOperation): ErrorCode {
  switch (operation) {
    case 'read':
    case 'size':
    case 'list':
    case 'open':
      return 'DISK_READ_FAILED';
    case 'sync':
    case 'syncDirectory':
      return 'DISK_SYNC_FAILED';
    default:
      return 'DISK_WRITE_FAILED';
  }
}
