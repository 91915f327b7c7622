/**
 * `node.log`: what a background node wrote to its standard output and error.
 *
 * It is appended to over restarts. One that has grown past its limit is set aside as `node.log.1` when
 * the node starts, so a node that is restarted now and then keeps two of them at most.
 */

import { mkdir, open, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';

import { limits } from '../core/limits.ts';

/** How far back a look at the end of a log goes: thousands of lines. */
const tailBytesMax = 256 * 1024;

export function logPathOf(dataDirectory: string): string {
  return join(dataDirectory, 'node.log');
}

/** Makes room for a new start; resolves to the length from which that start's lines will follow. */
export async function prepareLog(dataDirectory: string): Promise<number> {
  await mkdir(dataDirectory, { recursive: true });
  const path = logPathOf(dataDirectory);
  const size = await sizeOf(path);
  if (size <= limits.nodeLogBytesMax) return size;
  await rename(path, `${path}.1`);
  return 0;
}

/** The last lines of a log between two offsets; empty when there is no log. */
export async function lastLines(
  path: string,
  range: { readonly count: number; readonly since: number; readonly until: number },
): Promise<readonly string[]> {
  const { count, since, until } = range;
  const start = Math.max(since, until - tailBytesMax);
  const lines = (await readRange(path, start, until)).split('\n');
  // The first line is cut when reading began in its middle, and the last is empty after a line break.
  if (start > since) lines.shift();
  if (lines.at(-1) === '') lines.pop();
  return count === 0 ? [] : lines.slice(-count);
}

/** What was written since `offset`, up to the last complete line, and where to go on. */
export async function newLines(
  path: string,
  offset: number,
): Promise<{ readonly lines: readonly string[]; readonly offset: number }> {
  const size = await sizeOf(path);
  // A shorter file than before is a new one: the old was set aside.
  const start = size < offset ? 0 : offset;
  const text = await readRange(path, start, Math.min(size, start + tailBytesMax));
  const complete = text.slice(0, text.lastIndexOf('\n') + 1);
  if (complete === '') return { lines: [], offset: start };
  return { lines: complete.slice(0, -1).split('\n'), offset: start + Buffer.byteLength(complete) };
}

/** Length of a log in bytes; 0 when there is none. */
export async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch {
    // No log means that nothing was said.
    return 0;
  }
}

async function readRange(path: string, start: number, end: number): Promise<string> {
  if (end <= start) return '';
  const file = await open(path, 'r');
  try {
    const bytes = Buffer.alloc(end - start);
    const { bytesRead } = await file.read(bytes, 0, bytes.length, start);
    return bytes.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
}
