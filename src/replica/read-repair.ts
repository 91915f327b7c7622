/**
 * Read repair: replicas that answered a read with something older get the newest version (§5 of the
 * Dynamo paper), tombstones included. It runs behind the answer and is bounded: past the limit a repair is
 * skipped, since the next read, a hint or anti-entropy will find the same difference.
 */

import type { NodeId } from '../core/config.ts';
import { limits } from '../core/limits.ts';
import type { StoredRecord } from '../core/record.ts';
import { sendRecord, type Coordination } from './coordination.ts';

export class ReadRepair {
  readonly #coordination: Coordination;
  #inFlight = 0;

  constructor(coordination: Coordination) {
    this.#coordination = coordination;
  }

  /** Carries the record to owners that lag; returns at once. */
  repair(record: StoredRecord, laggards: readonly NodeId[]): void {
    const { observer, config, replica } = this.#coordination;
    const owners = laggards.filter((node) => replica.owns(record.token, node));
    if (owners.length === 0) return;
    if (this.#inFlight + owners.length > limits.readRepairsInFlightMax) {
      observer.count('read-repairs.skipped', owners.length);
      return;
    }
    this.#inFlight += owners.length;
    sendRecord(this.#coordination, {
      record,
      holders: owners,
      hintFor: undefined,
      fresh: false,
      timeoutMs: config.timing.requestTimeoutMs,
      onResult: (_, result) => {
        this.#inFlight--;
        observer.count(result.kind === 'stored' ? 'read-repairs.done' : 'read-repairs.failed');
      },
    });
  }
}
