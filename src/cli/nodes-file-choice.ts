/**
 * Which nodes file a command reads when none was named: `./nodes.json`, or else the cluster of three on
 * this machine that comes with the package, so that the first command works in an empty folder.
 */

import { existsSync } from 'node:fs';
import { join } from 'node:path';

import type { ClusterSettings } from './cluster-settings.ts';
import { readNodesFile } from './nodes-file.ts';

export const defaultConfigPath = 'nodes.json';

/** The path to read for what `--config` says. */
export function nodesFilePath(config: string): string {
  if (config !== defaultConfigPath || existsSync(config)) return config;
  const packaged = join(import.meta.dirname, '..', '..', defaultConfigPath);
  return existsSync(packaged) ? packaged : config;
}

/** Reads it; throws `CONFIG_INVALID`. */
export function readNodesFileOrDefault(config: string): Promise<ClusterSettings> {
  return readNodesFile(nodesFilePath(config));
}
