/** What the parts of the disk contract have in common: short ways to write, read and expect an error. */

import assert from 'node:assert/strict';
import { StoreError, type ErrorCode } from '../core/errors.ts';
import type { Disk, DiskFile } from './disk.ts';

export const text = (content: string): Uint8Array => new TextEncoder().encode(content);

export async function readText(file: DiskFile, position: number, length: number): Promise<string> {
  const target = new Uint8Array(length);
  const read = await file.read(target, position);
  return new TextDecoder().decode(target.subarray(0, read));
}

export async function writeFile(disk: Disk, path: string, content: string): Promise<void> {
  const file = await disk.open(path, 'create');
  await file.write([text(content)], 0);
  await file.close();
}

export async function readFile(disk: Disk, path: string): Promise<string> {
  const file = await disk.open(path, 'read');
  const content = await readText(file, 0, await file.size());
  await file.close();
  return content;
}

export async function entries(disk: Disk, path: string): Promise<unknown> {
  return (await disk.list(path)).map(({ name, isDirectory }) => ({ name, isDirectory }));
}

export async function names(disk: Disk, path: string): Promise<readonly string[]> {
  return (await disk.list(path)).map((entry) => entry.name).sort();
}

export function isStoreError(code: ErrorCode, message: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof StoreError, `expected a StoreError, got ${String(error)}`);
    assert.equal(error.code, code, error.message);
    assert.match(error.message, message);
    return true;
  };
}

export async function rejectsWith(
  outcome: Promise<unknown>,
  code: ErrorCode,
  message: RegExp,
): Promise<void> {
  await assert.rejects(outcome, isStoreError(code, message));
}
