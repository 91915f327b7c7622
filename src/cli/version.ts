/** The version in `package.json`, and the oldest Node that this runs on. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const nodeMajorMin = 24;

/** The version of this package. */
export function packageVersion(): string {
  const content: unknown = JSON.parse(
    readFileSync(join(import.meta.dirname, '..', '..', 'package.json'), 'utf8'),
  );
  if (typeof content === 'object' && content !== null && 'version' in content) return String(content.version);
  return 'unknown';
}

/** Why a Node version such as `20.11.1` cannot run a node; undefined when it can. */
export function runtimeProblem(version: string): string | undefined {
  if (Number(version.split('.')[0]) >= nodeMajorMin) return undefined;
  return `mini-dynamo needs Node ${nodeMajorMin} or newer, and this is Node ${version} (${process.execPath})`;
}
