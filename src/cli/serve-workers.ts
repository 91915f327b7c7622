/**
 * `serve` for a node with workers: this process starts them, keeps them running, and stops them with itself. It
 * serves nothing.
 *
 * SIGINT and SIGTERM end all of them cleanly within a bound, a second one at once. Should this process be killed, its
 * workers notice that their channel has closed, and end.
 */

import { StoreError } from '../core/errors.ts';
import { SystemClock } from '../platform/system-clock.ts';
import type { Observer } from '../ports/observer.ts';
import { formatAddress, localAddressOf, type Address } from './address.ts';
import { bindErrorOf } from './bind-error.ts';
import { CommandFailure, exitCodes, UsageFailure } from './command-failure.ts';
import { removePidFile, runningProcess, workersPidFileName, writePidFile } from './pid-file.ts';
import type { ServeSettings } from './serve-settings.ts';
import { checkWorkerFolders, makeWorkerFolders, type WorkerFolders } from './worker-folders.ts';
import { launchWorker } from './worker-process.ts';
import { describeEnd, WorkerSupervisor, type WorkerEnd } from './worker-supervisor.ts';

/** Longer than the 15 s that a worker gives itself, shorter than the 20 s of `down`. */
const stopBoundMs = 17_000;

/**
 * Runs the workers of a node; `settings` are its first worker's. Resolves to the exit code once all have stopped.
 * Throws `CONFIG_INVALID`, `DIRECTORY_LOCKED`, `CommandFailure` and `UsageFailure` for what keeps them from starting.
 */
export async function serveWorkers(
  settings: ServeSettings,
  observer: Observer,
  announce: (sharedAddress: Address) => void,
): Promise<number> {
  const { dataDirectory, workers, sharedListen } = settings;
  if (sharedListen === undefined)
    throw new StoreError('INTERNAL', 'a node with workers has an address for all');
  const folders: WorkerFolders = { dataDirectory, workers, hasCopies: settings.config.quorum.n > 1 };
  await checkWorkerFolders(folders);
  await refuseSecond(dataDirectory);
  await refuseTakenPort(sharedListen);
  await makeWorkerFolders(folders);
  await writePidFile(dataDirectory, formatAddress(sharedListen), workersPidFileName);

  const supervisor = new WorkerSupervisor({
    workers,
    launch: (worker, events) =>
      launchWorker([...commandLineOf(settings), '--worker', String(worker)], events),
    clock: new SystemClock(),
    observer,
  });
  const asked = stopWhenAsked(supervisor, observer);
  const started = await supervisor.start();
  if (started.kind === 'serving') {
    observer.log('info', 'workers.started', `${workers} workers serve ${formatAddress(sharedListen)}`, {
      pids: supervisor.pids.join(','),
    });
    announce(localAddressOf(sharedListen));
    await asked;
  }
  const ends = await supervisor.stop();
  await removePidFile(dataDirectory, workersPidFileName);
  if (started.kind === 'failed') {
    const message = `Worker ${started.worker} ${describeEnd(started.end)} before it served, so none is kept running.`;
    throw started.end.code === exitCodes.usage ? new UsageFailure(message) : new CommandFailure(message);
  }
  return exitCodeOfEnds(ends, observer);
}

/** Resolves once somebody has asked; from then on a bound is kept, and who asks again has it done at once. */
function stopWhenAsked(supervisor: WorkerSupervisor, observer: Observer): Promise<void> {
  const asked = Promise.withResolvers<void>();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      observer.log('info', 'workers.stopping', `${signal}: stopping all workers`);
      for (const again of ['SIGINT', 'SIGTERM'] as const) process.on(again, () => supervisor.kill());
      const bound = setTimeout(() => {
        observer.log(
          'error',
          'workers.stop_too_slow',
          `not stopped within ${stopBoundMs} ms; ending them at once`,
        );
        supervisor.kill();
      }, stopBoundMs);
      bound.unref();
      void supervisor.stop();
      asked.resolve();
    });
  }
  return asked.promise;
}

function exitCodeOfEnds(ends: readonly WorkerEnd[], observer: Observer): number {
  const isClean = ends.every(({ code }) => code === exitCodes.ok);
  if (isClean) observer.log('info', 'workers.stopped', 'all workers stopped cleanly');
  return isClean ? exitCodes.ok : exitCodes.failed;
}

/** What this process was called with, and what it has chosen by itself, which must be the same for all workers. */
function commandLineOf(settings: ServeSettings): readonly string[] {
  const { sharedListen, listen, workers, standalone } = settings;
  const given = [...process.argv.slice(2), '--workers', String(workers)];
  if (!standalone || sharedListen === undefined) return given;
  return [...given, '--listen', formatAddress(sharedListen), '--peer-listen', formatAddress(listen)];
}

async function refuseSecond(dataDirectory: string): Promise<void> {
  const running = await runningProcess(dataDirectory, workersPidFileName);
  if (running === undefined) return;
  throw new StoreError(
    'DIRECTORY_LOCKED',
    `process ${running.pid} runs the workers of ${dataDirectory} already`,
  );
}

/** Workers share their port with whoever says so too: with those of another node, a client would meet now this, now that. */
async function refuseTakenPort(address: Address): Promise<void> {
  const code = await bindErrorOf(address);
  if (code === undefined) return;
  const what = code === 'EADDRINUSE' ? 'is in use' : `cannot be bound on this machine (${code})`;
  throw new StoreError('CONFIG_INVALID', `${formatAddress(address)}, the address of the workers, ${what}`);
}
