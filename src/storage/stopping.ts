/** How background work ends when the store is closed: it looks at its signal wherever it may pause. */

import { StoreError } from '../core/errors.ts';

/** Throws `STORE_CLOSED` once the signal is aborted. */
export function checkStopped(signal: AbortSignal): void {
  if (signal.aborted) throw new StoreError('STORE_CLOSED', 'the store is being closed');
}
