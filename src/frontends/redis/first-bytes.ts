/**
 * Whether a connection speaks the Redis protocol, by its first bytes.
 *
 * A request of a program starts with `*`. An inline command starts with the name of a command, and of those only `GET`
 * is an HTTP method too: it is HTTP when an absolute path or URL follows. So an inline `GET /a` goes to HTTP; send
 * such a key as a multibulk request, as every program does.
 */

import { limits } from '../../core/limits.ts';
import { isCommandName } from './command-table.ts';

const asterisk = 0x2a;
const { firstBytesMax } = limits;

/** True, false, or undefined while more bytes are needed to tell. */
export function startsRedis(first: Uint8Array): boolean | undefined {
  if (first[0] === asterisk) return true;
  const text = Buffer.from(first.buffer, first.byteOffset, Math.min(first.length, firstBytesMax)).toString(
    'latin1',
  );
  const line = /^([A-Za-z]+)(?:([ \t]+)(\S*))?/.exec(text);
  if (line === null) return false;
  const [whole = '', name = '', blank, argument = ''] = line;
  const isWhole = whole.length < text.length || text.length >= firstBytesMax;
  if (blank === undefined) {
    return isWhole ? isCommandName(name) : undefined;
  }
  if (!isCommandName(name)) return false;
  if (name !== 'GET') return true;
  if (argument.startsWith('/') || /^https?:\/\//i.test(argument)) return false;
  const mayBecomeUrl = ['http://', 'https://'].some((scheme) => scheme.startsWith(argument.toLowerCase()));
  return isWhole || !mayBecomeUrl ? true : undefined;
}
