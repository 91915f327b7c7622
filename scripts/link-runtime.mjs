/**
 * Links the pinned runtime as `node_modules/.bin/node`, which `npm run` finds before the machine's own.
 *
 * npm 11 does so by itself. npm 10 and older, which come with Node 20 and 22, take the link away again: they
 * remove the runtime packages of the other platforms with all their links, and those are called `node` too.
 */

import { existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { pinnedRuntime } from '../bin/runtime.mjs';

const folder = fileURLToPath(new URL('../node_modules/.bin', import.meta.url));
const executable = pinnedRuntime();

if (executable !== undefined) {
  mkdirSync(folder, { recursive: true });
  const target = path.relative(folder, executable);
  if (process.platform === 'win32') {
    // Windows lets only administrators make links; this is what npm writes there.
    writeFileSync(path.join(folder, 'node.cmd'), `@"%~dp0\\${target}" %*\r\n`);
  } else if (!existsSync(path.join(folder, 'node'))) {
    // A link that leads nowhere does not count as existing, but is in the way.
    rmSync(path.join(folder, 'node'), { force: true });
    symlinkSync(target, path.join(folder, 'node'));
  }
}
