/** The words of a command read as numbers, options and times, with the errors that Redis gives. */

import { wallMsMax } from '../../core/hybrid-logical-clock.ts';
import { CommandError } from './reply.ts';

/** A whole number. Throws `CommandError`. */
export function integerOf(word: Buffer | undefined): number {
  const text = word === undefined || word.length > 20 ? '' : word.toString('latin1');
  const value = /^(?:0|-?[1-9]\d*)$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(value)) throw new CommandError('ERR value is not an integer or out of range');
  return value;
}

/** An option or name in lower case; what is far too long for one is cut. */
export function optionOf(word: Buffer | undefined): string {
  return word === undefined ? '' : word.toString('latin1', 0, 64).toLowerCase();
}

export function syntaxError(): CommandError {
  return new CommandError('ERR syntax error');
}

/** The units and reference points of the options that set an expiry. */
export type ExpiryOption = 'ex' | 'px' | 'exat' | 'pxat';

export function isExpiryOption(option: string): option is ExpiryOption {
  return option === 'ex' || option === 'px' || option === 'exat' || option === 'pxat';
}

/** The wall milliseconds that an expiry option names, also in the past. Throws `CommandError` when they don't fit. */
export function instantOf(
  option: ExpiryOption,
  word: Buffer | undefined,
  about: { readonly nowMs: number; readonly command: string },
): number {
  const amount = integerOf(word);
  const milliseconds = option === 'ex' || option === 'exat' ? amount * 1_000 : amount;
  const instantMs = option === 'ex' || option === 'px' ? about.nowMs + milliseconds : milliseconds;
  if (Math.abs(instantMs) > wallMsMax) throw invalidExpiry(about.command);
  return instantMs;
}

/** The same where only a positive amount makes sense. */
export function expiryOf(
  option: ExpiryOption,
  word: Buffer | undefined,
  about: { readonly nowMs: number; readonly command: string },
): number {
  if (integerOf(word) <= 0) throw invalidExpiry(about.command);
  return instantOf(option, word, about);
}

function invalidExpiry(command: string): CommandError {
  return new CommandError(`ERR invalid expire time in '${command}' command`);
}
