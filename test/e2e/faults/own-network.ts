/**
 * A world of its own for a program that breaks networks: namespaces of network, processes and mounts that end
 * with it, so that a fault never reaches the machine and nothing can be left behind, not even after SIGKILL.
 *
 *   program ── unshare ── the same program again, process 1 of the new world ── nodes
 *
 * When process 1 ends, the kernel ends all other processes of its world, and with them go interfaces, rules and
 * mounts. Process 1 ends when its standard input does, which is when the program outside has ended. Root needs
 * no more; others get a user namespace, where the machine allows that.
 */

import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

const insideVariable = 'MINI_DYNAMO_OWN_NETWORK';
const namespaces = ['--net', '--pid', '--fork', '--kill-child=SIGKILL', '--mount', '--mount-proc'];

/** The exit code that says: nothing was tested, standard output says why. */
export const skippedExitCode = 77;

export function isInsideOwnNetwork(): boolean {
  return process.env[insideVariable] === '1';
}

/** Why this machine cannot give a program such a world; undefined when it can. */
export function ownNetworkProblem(): string | undefined {
  if (process.platform !== 'linux') return 'network namespaces are a thing of Linux';
  for (const tool of ['ip', 'nft', 'nsenter', 'unshare']) {
    if (!hasTool(tool)) return `${tool} is not installed`;
  }
  const trial = spawnSync('unshare', [...unshareArguments(), 'sh', '-c', trialScript], { encoding: 'utf8' });
  if (trial.status === 0) return undefined;
  const why = `${trial.error?.message ?? ''}${trial.stderr ?? ''}`.trim().split('\n')[0] ?? '';
  return `network namespaces are not permitted here: ${why}`;
}

/** All that a fault network needs, tried once and gone with the trial. */
const trialScript = [
  'set -e',
  'mount -t tmpfs tmpfs /run',
  'mkdir /run/netns',
  'ip netns add trial',
  'ip link add hub type bridge',
  'ip link add trial type veth peer name eth0 netns trial',
  'nft add table inet trial',
  "nft add chain inet trial input '{ type filter hook input priority 0; }'",
  'nft add rule inet trial input numgen random mod 100 \\< 30 counter drop',
  'nft add rule inet trial input meta l4proto tcp reject with tcp reset',
].join('\n');

/** Runs this very program again in a world of its own, with its output; resolves to the exit code. */
export async function runInOwnNetwork(programArguments: readonly string[]): Promise<number> {
  const child = spawn('unshare', [...unshareArguments(), process.execPath, ...programArguments], {
    // A pipe that ends with this process, however that ends.
    stdio: ['pipe', 'inherit', 'inherit'],
    env: { ...process.env, [insideVariable]: '1' },
  });
  const end = (): void => void child.kill('SIGKILL');
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, end);
  process.once('exit', end);
  return await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  });
}

/** Inside: ends with the program outside. Process 1 gets no signal that it does not ask for. */
export function endWithOutside(): void {
  process.stdin.on('end', () => process.exit(1)).resume();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(1));
}

function unshareArguments(): readonly string[] {
  return process.getuid?.() === 0 ? namespaces : ['--user', '--map-root-user', ...namespaces];
}

function hasTool(name: string): boolean {
  const folders = [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/sbin'];
  return folders.some((folder) => existsSync(`${folder}/${name}`));
}
