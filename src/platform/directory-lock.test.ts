import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { StoreError } from '../core/errors.ts';
import { lockDirectory } from './directory-lock.ts';
import { isRunning, ownIdentity } from './process-identity.ts';

const moduleUrl = new URL('./directory-lock.ts', import.meta.url).href;
const linuxOnly =
  process.platform === 'linux' ? false : 'lock files of other processes are told apart by /proc';

/** Processes of the running test, ended with it however it went. */
const started: ChildProcess[] = [];

async function withDirectory(body: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'mini-dynamo-lock-'));
  try {
    await body(directory);
  } finally {
    await Promise.all(started.splice(0).map(kill));
    await rm(directory, { recursive: true });
  }
}

/** Another process that locks the directory, says how that went, and stays until it is killed. */
async function spawnHolder(directory: string): Promise<{ child: ChildProcess; outcome: string }> {
  const script = `
    import { lockDirectory } from ${JSON.stringify(moduleUrl)};
    setInterval(() => {}, 1000);
    try { await lockDirectory(process.argv[1]); process.stdout.write('locked'); }
    catch (error) { process.stdout.write(error.code + ' ' + error.message); }`;
  const child = spawn(process.execPath, ['--input-type=module-typescript', '--eval', script, directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  started.push(child);
  return { child, outcome: String(await once(child.stdout, 'data')) };
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

async function assertLocked(outcome: Promise<unknown>, message: RegExp): Promise<void> {
  await assert.rejects(outcome, (error) => {
    assert.ok(error instanceof StoreError);
    assert.equal(error.code, 'DIRECTORY_LOCKED');
    assert.match(error.message, message);
    return true;
  });
}

test('a second process is refused with the pid of the first, and gets the lock once that is killed', async () => {
  await withDirectory(async (directory) => {
    const first = await spawnHolder(directory);
    assert.equal(first.outcome, 'locked');
    const second = await spawnHolder(directory);
    assert.match(
      second.outcome,
      new RegExp(`^DIRECTORY_LOCKED .* held by process ${first.child.pid} on host`),
    );
    await assertLocked(lockDirectory(directory), new RegExp(`process ${first.child.pid} `));
    await kill(first.child);
    const release = await lockDirectory(directory);
    assert.equal((await readdir(directory)).length, 1, 'only the own lock file is left');
    await release();
    assert.deepEqual(await readdir(directory), []);
  });
});

test('a stopped process still holds its lock', { skip: linuxOnly }, async () => {
  await withDirectory(async (directory) => {
    const { child } = await spawnHolder(directory);
    child.kill('SIGSTOP');
    await assertLocked(lockDirectory(directory, { staleAfterMs: 0 }), new RegExp(`process ${child.pid} `));
  });
});

test('a lock file whose pid now belongs to another process is taken over', { skip: linuxOnly }, async () => {
  await withDirectory(async (directory) => {
    const own = ownIdentity();
    await writeFile(join(directory, `lock-${process.ppid}-1-${own.realm}`), '{}');
    await writeFile(join(directory, `lock-${own.pid}-1-${own.realm}`), '{}');
    const release = await lockDirectory(directory);
    assert.deepEqual(await readdir(directory), [`lock-${own.pid}-${own.startTime}-${own.realm}`]);
    await release();
  });
});

test(
  'an empty lock file of a running process is respected: the name says it all',
  { skip: linuxOnly },
  async () => {
    await withDirectory(async (directory) => {
      await spawnHolder(directory);
      const [name = ''] = await readdir(directory);
      await writeFile(join(directory, name), '');
      await assertLocked(lockDirectory(directory), /since an unknown time/);
    });
  },
);

test('a holder elsewhere is alive while its file keeps moving, and the refused one leaves nothing', async () => {
  await withDirectory(async (directory) => {
    const foreign = join(directory, 'lock-1-5-deadbeef-4-other-host');
    await writeFile(foreign, '{}');
    const attempt = lockDirectory(directory, { staleAfterMs: 60_000 });
    const moving = setInterval(() => void utimes(foreign, new Date(), new Date()), 20);
    await assertLocked(attempt, /process 1 on host other-host/).finally(() => clearInterval(moving));
    assert.deepEqual(await readdir(directory), ['lock-1-5-deadbeef-4-other-host']);
  });
});

test('a holder elsewhere whose file is old, or does not move while watched, is dead', async () => {
  await withDirectory(async (directory) => {
    const foreign = join(directory, 'lock-1-5-deadbeef-4-other-host');
    await writeFile(foreign, '{}');
    await utimes(foreign, new Date(0), new Date(0));
    await (
      await lockDirectory(directory, { staleAfterMs: 60_000 })
    )();
    // A clock that is far ahead there must not make its file fresh for ever here.
    await writeFile(foreign, '{}');
    const nextYear = new Date(Date.now() + 365 * 86_400_000);
    await utimes(foreign, nextYear, nextYear);
    await (
      await lockDirectory(directory, { staleAfterMs: 20 })
    )();
    assert.deepEqual(await readdir(directory), []);
  });
});

test('files that only look a bit like lock files are left alone', async () => {
  await withDirectory(async (directory) => {
    const names = ['lock', 'lock-', 'lock-1', 'lock-1-2', 'lock-x-2-realm', 'unlock-1-2-realm'];
    for (const name of names) await writeFile(join(directory, name), '');
    await (
      await lockDirectory(directory)
    )();
    assert.deepEqual((await readdir(directory)).sort(), names.toSorted());
  });
});

test('a holder whose lock file is removed is told', async () => {
  await withDirectory(async (directory) => {
    const own = ownIdentity();
    const lost = Promise.withResolvers<string>();
    const release = await lockDirectory(directory, { touchMs: 5, onLost: lost.resolve });
    // The timer does not hold the process, so something else has to.
    const keepAlive = setInterval(() => {}, 1_000);
    await rm(join(directory, `lock-${own.pid}-${own.startTime}-${own.realm}`));
    assert.match(await lost.promise, /was removed while this process held it/);
    clearInterval(keepAlive);
    await release();
  });
});

test('of processes that start at once at most one gets the lock', async () => {
  await withDirectory(async (directory) => {
    const holders = await Promise.all(Array.from({ length: 4 }, () => spawnHolder(directory)));
    const outcomes = holders.map((holder) => holder.outcome.split(' ')[0]);
    assert.ok(outcomes.filter((outcome) => outcome === 'locked').length <= 1, outcomes.join());
    assert.ok(outcomes.every((outcome) => outcome === 'locked' || outcome === 'DIRECTORY_LOCKED'));
    await Promise.all(holders.map((holder) => kill(holder.child)));
    await (
      await lockDirectory(directory)
    )();
  });
});

test('a process that ended does not run, nor does a zombie', { skip: linuxOnly }, async () => {
  assert.equal(isRunning(ownIdentity()), true);
  // The shell becomes `sleep`, which never collects the exit status of the child it inherits; the child ends after that.
  const parent = spawn('sh', ['-c', 'sleep 60 & echo $!; exec sleep 60'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const pid = Number(String(await once(parent.stdout, 'data')));
  let name = '';
  while (name !== 'sleep') name = (await readFile(`/proc/${parent.pid}/comm`, 'utf8')).trim();
  process.kill(pid, 'SIGKILL');
  let stat = '';
  while (!/\) Z /.test(stat)) stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const zombie = { ...ownIdentity(), pid, startTime: stat.split(' ')[21] ?? '' };
  const zombieRuns = isRunning(zombie);
  await kill(parent);
  assert.equal(zombieRuns, false);
  assert.equal(isRunning({ ...zombie, pid: parent.pid ?? 0 }), false);
});
