/**
 * How a command ends: 0 when it did what was asked, 1 when it could not, 2 when it was asked wrongly
 * (arguments or configuration), so that a script can tell a missing key from a typing mistake.
 */

import { errorCodeOf } from '../core/errors.ts';

export const exitCodes = { ok: 0, failed: 1, usage: 2 } as const;

/** Ends a command with exit code 1 and a message for the person who called it. */
export class CommandFailure extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'CommandFailure';
  }
}

/** Ends a command with exit code 2: the arguments cannot be meant so. */
export class UsageFailure extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'UsageFailure';
  }
}

/** The exit code for whatever a command threw. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof UsageFailure) return exitCodes.usage;
  const code = errorCodeOf(error);
  return code === 'CONFIG_INVALID' ? exitCodes.usage : exitCodes.failed;
}
