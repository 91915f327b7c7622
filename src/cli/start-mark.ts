/**
 * Tells one process from a later one with the same pid where there is no `/proc`.
 *
 * On Linux `platform/process-identity.ts` reads the start time from the kernel. Elsewhere a command of the
 * system tells it; without it, `down` after a reboot could end somebody else's process.
 */

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);
const commandTimeoutMs = 10_000;

/**
 * When the system says that a process started, in its own words; empty on Linux, where it need not be asked,
 * and when there is no such process.
 */
export async function startMarkOf(pid: number): Promise<string> {
  const command = startTimeCommand(process.platform, pid);
  if (command === undefined) return '';
  try {
    const { stdout } = await run(command.program, command.arguments, { timeout: commandTimeoutMs });
    return stdout.trim();
  } catch {
    // Both commands fail exactly when there is no such process.
    return '';
  }
}

/** The command that prints when a process started; undefined where none is needed. */
export function startTimeCommand(
  platform: NodeJS.Platform,
  pid: number,
): { readonly program: string; readonly arguments: readonly string[] } | undefined {
  switch (platform) {
    case 'linux':
      return undefined;
    case 'win32':
      return {
        program: 'powershell.exe',
        arguments: ['-NoProfile', '-Command', `(Get-Process -Id ${pid}).StartTime.ToFileTimeUtc()`],
      };
    default:
      return { program: 'ps', arguments: ['-o', 'lstart=', '-p', String(pid)] };
  }
}
