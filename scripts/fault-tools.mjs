/**
 * Before `make test` and `make bench`: the programs with which the end-to-end tests break networks, disks and clocks, the
 * Redis clients that must work unmodified, and the servers that the benchmark suite measures beside the store.
 *
 * They are Debian packages, installed where one is missing, apt-get is there and this is root. Where they
 * cannot be had nothing fails: the tests that need them are skipped, each with its reason.
 */

import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';

/** What must be there, and the package that brings it. */
const packages = [
  { name: 'iproute2', isInstalled: () => isProgram('ip') },
  { name: 'nftables', isInstalled: () => isProgram('nft') },
  { name: 'strace', isInstalled: () => isProgram('strace') },
  { name: 'libfaketime', isInstalled: isFakeTimeInstalled },
  { name: 'redis-tools', isInstalled: () => isProgram('redis-cli') && isProgram('redis-benchmark') },
  { name: 'etcd-server', isInstalled: () => isProgram('etcd') },
];
const boundMs = 120_000;

const missing = packages.filter(({ isInstalled }) => !isInstalled()).map(({ name }) => name);
if (process.platform === 'linux' && missing.length > 0) install(missing);

/** @param {readonly string[]} names */
function install(names) {
  const list = names.join(', ');
  if (process.getuid?.() !== 0 || !isProgram('apt-get')) {
    console.log(`without ${list} some end-to-end tests are skipped; apt-get install them as root`);
    return;
  }
  console.log(`installing ${list}, for the end-to-end tests`);
  const quick = ['-qq', '-o', 'Acquire::Retries=1', '-o', 'Acquire::http::Timeout=20'];
  const command = ['install', '-y', '--no-install-recommends', ...names];
  // A machine that has never asked for the lists of packages has to do so first.
  if (aptGet([...quick, ...command]) === undefined) return;
  const problem = aptGet([...quick, 'update']) ?? aptGet([...quick, ...command]);
  if (problem !== undefined) console.log(`they cannot be installed, some tests are skipped: ${problem}`);
}

/**
 * Undefined when it went well, otherwise what was wrong.
 * @param {readonly string[]} words
 */
function aptGet(words) {
  const { status, error, stderr } = spawnSync('apt-get', words, {
    encoding: 'utf8',
    timeout: boundMs,
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
  if (status === 0) return undefined;
  return error?.message ?? stderr.trim().split('\n').at(-1) ?? `exit code ${status}`;
}

/** @param {string} name */
function isProgram(name) {
  const folders = [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/sbin'];
  return folders.some((folder) => existsSync(`${folder}/${name}`));
}

function isFakeTimeInstalled() {
  if (process.platform !== 'linux') return false;
  return ['', ...readdirSync('/usr/lib')].some((name) =>
    existsSync(`/usr/lib/${name}/faketime/libfaketimeMT.so.1`),
  );
}
