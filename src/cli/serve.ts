/**
 * `mini-dynamo serve`: one node in this process, until it is told to stop; or one worker of a node (`serve-workers.ts`).
 *
 * SIGINT and SIGTERM end it cleanly within a bound (a second one at once): it stops accepting, answers
 * what is under way and closes its store with a checkpoint. A failed sync of the log ends it with exit code
 * 1, because only a restart can tell what the disk really holds.
 */

import { availableParallelism } from 'node:os';

import { Command, InvalidArgumentError, Option } from 'commander';

import type { Durability } from '../core/config.ts';
import { errorMessageOf } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { Observer } from '../ports/observer.ts';
import { formatAddress, localAddressOf, parseListenAddress, type Address } from './address.ts';
import { durabilityForm, engines, formatDurability, parseDurability } from './cluster-settings.ts';
import { CommandFailure, exitCodes } from './command-failure.ts';
import { parseInteger, urlOf, withExamples } from './command-options.ts';
import { saveCompileCache } from './compile-cache.ts';
import type { RunningNode } from './compose-node.ts';
import { firstFreePort, firstOfFreePorts } from './free-ports.ts';
import { createLogObserver, logFormats, logLevels } from './log-observer.ts';
import { letHeapGrow } from './program-process.ts';
import {
  serveSettings,
  type FreeAddresses,
  type ServeOptions,
  type ServeSettings,
  type WorkerCount,
} from './serve-settings.ts';
import { say } from './terminal.ts';
import { openWorkerChannel } from './worker-channel.ts';
import { checkWorkerFolders } from './worker-folders.ts';

/** Shorter than the 20 s that `down`, and the 30 s that compose, wait before they kill. */
const stopBoundMs = 15_000;
/** After a failed sync: long enough to tell the clients that wait. */
const lastAnswersMs = 1_000;
/** Where a standalone node looks for a free port: the Go demo's, then next to it. */
const standaloneHost = '127.0.0.1';
const standalonePortMin = 9001;
const standalonePortMax = 9099;

export const serveCommand = withExamples(
  new Command('serve')
    .description('run one node in the foreground; without arguments a cluster of one')
    .option('--id <id>', 'which node of the nodes file this is')
    .option('-c, --config <file>', 'the nodes of the cluster (default: nodes.json when --id is given)')
    .option('--listen <host:port>', "address to bind (default: the node's addr)", parseListen)
    .option(
      '--peer-listen <host:port>',
      "address to bind for peers (default: the node's peerAddr)",
      parseListen,
    )
    .option('-d, --data-dir <folder>', 'where this node keeps its data (default: data/<id>)')
    .option('--durability <level>', durabilityForm, parseDurabilityOption)
    .addOption(new Option('--engine <name>', 'storage engine').choices(engines))
    .option(
      '--workers <count>',
      'how many processes the node is: a number, or auto for one per core',
      parseWorkers,
    )
    .addOption(new Option('--worker <number>').argParser(parseInteger(1, limits.workersMax)).hideHelp())
    .option('--no-anti-entropy', 'do not compare with other owners: hints and read repair alone')
    .option(
      '--peer-ca <file>',
      'authorities of the certificates of peers (default: peerTls of the nodes file)',
    )
    .option('--peer-cert <file>', "this node's certificate")
    .option('--peer-key <file>', 'the private key of that')
    .addOption(
      new Option('--log-format <format>', 'of the lines on standard error')
        .choices(logFormats)
        .default('text'),
    )
    .addOption(
      new Option('--log-level <level>', 'least level that is written').choices(logLevels).default('info'),
    )
    .action(serve),
  [
    ['serve', 'one node that can be tried at once'],
    ['serve --id n1 --config nodes.json', 'n1 of a cluster, data in data/n1'],
    ['serve --workers auto', 'one worker for each core, all at one address'],
    ['serve --id n1 -c nodes.json --listen 0.0.0.0:9001 -d /var/lib/n1 --durability interval:50', ''],
  ],
);

async function serve(options: ServeOptions): Promise<void> {
  letHeapGrow();
  const settings = await serveSettings(options, freeAddresses);
  const isWorker = options.worker !== undefined;
  const observer = createLogObserver({
    format: options.logFormat,
    level: options.logLevel,
    write: (line) => process.stderr.write(line),
    nowMs: Date.now,
    // Workers write to one log.
    ...(isWorker && { fields: { node: settings.config.id } }),
  });
  dieOfSurprises(observer);
  if (isWorker) return untilStopped(settings, observer, askedAsWorker(observer));
  for (const warning of settings.warnings) observer.log('warn', 'config.suspicious', warning);
  if (settings.workers > 1) {
    const { serveWorkers } = await import('./serve-workers.ts');
    process.exit(await serveWorkers(settings, observer, (address) => whatToTry(settings, address)));
  }
  const { dataDirectory, config } = settings;
  await checkWorkerFolders({ dataDirectory, workers: 1, hasCopies: config.quorum.n > 1 });
  await untilStopped(settings, observer, askedBySignal());
}

/** Who asks this process to stop, and who wants to know that it serves. */
interface Asking {
  readonly asked: Promise<string>;
  serving(): void;
}

function askedBySignal(): Asking {
  const asked = Promise.withResolvers<string>();
  let isServing = false;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      // Before it serves there is nothing to drain, and the second time somebody is in a hurry.
      if (!isServing) process.exit(exitCodes.ok);
      process.once(signal, () => process.exit(exitCodes.failed));
      asked.resolve(signal);
    });
  }
  return { asked: asked.promise, serving: () => void (isServing = true) };
}

/** The same for a worker, which may be asked by signals, by the process that started it, or by both. */
function askedAsWorker(observer: Observer): Asking {
  const asked = Promise.withResolvers<string>();
  let isServing = false;
  const ask = (by: string): void => {
    if (!isServing) process.exit(exitCodes.ok);
    asked.resolve(by);
  };
  const channel = openWorkerChannel({
    onStop: () => ask('asked to stop'),
    onOrphaned: () => {
      observer.log('error', 'worker.orphaned', 'the process that started this worker is gone; ending');
      process.exit(exitCodes.failed);
    },
  });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => ask(signal));
  return {
    asked: asked.promise,
    serving: () => {
      isServing = true;
      channel.serving();
    },
  };
}

/** Runs the node; resolves once it has stopped cleanly. */
async function untilStopped(settings: ServeSettings, observer: Observer, asking: Asking): Promise<void> {
  const life: { running?: RunningNode } = {};
  // The node's parts take half a second to load, which the other commands need not spend.
  const { composeNode } = await import('./compose-node.ts');
  const running = await composeNode(settings, {
    observer,
    onFatal: (reason) => void endWithFailure(reason, life.running, observer),
  });
  life.running = running;
  announce(settings, running, observer);
  asking.serving();
  saveCompileCache();
  const reason = await asking.asked;
  observer.log('info', 'node.stopping', `${reason}: answering what is under way and closing the store`);
  const bound = setTimeout(() => {
    observer.log('error', 'node.stop_too_slow', `not stopped within ${stopBoundMs} ms; ending at once`);
    process.exit(exitCodes.failed);
  }, stopBoundMs);
  await running.stop();
  clearTimeout(bound);
  observer.log('info', 'node.stopped', 'stopped cleanly');
  // Nothing is left to do; what keeps the event loop alive, such as a keep-alive timer, is not waited for.
  process.exit(exitCodes.ok);
}

function announce(settings: ServeSettings, running: RunningNode, observer: Observer): void {
  const { config, dataDirectory, durability, engine } = settings;
  const { n, r, w } = config.quorum;
  observer.log('info', 'node.started', `${config.id} serves ${formatAddress(running.address)}`, {
    cluster: config.clusterName,
    data: dataDirectory,
    engine,
    durability: formatDurability(durability),
    n,
    r,
    w,
    incarnation: running.node.incarnation,
    keys: running.node.storage().keys,
  });
  if (settings.workers === 1) whatToTry(settings, localAddressOf(running.address));
}

/** For who has started a node alone to see what it does. */
function whatToTry({ config, dataDirectory, standalone, workers }: ServeSettings, address: Address): void {
  if (!standalone) return;
  const url = urlOf(address);
  const where = address.port === standalonePortMin ? '' : ` --addr ${formatAddress(address)}`;
  const by = workers === 1 ? 'on its own' : `with ${workers} workers, each key on one of them`;
  say(`${config.id} serves ${url} ${by}, with its data in ${dataDirectory}. Ctrl+C stops it.`);
  say('');
  say('Try:');
  say(`  curl -i -X PUT --data-binary hello ${url}/kv/greeting`);
  say(`  curl -i ${url}/kv/greeting`);
  say(`  mini-dynamo get greeting${where}`);
  say(`  mini-dynamo status --addr ${formatAddress(address)}`);
}

/** The store can no longer be trusted with writes: say so, answer those who wait, end. */
async function endWithFailure(
  reason: string,
  running: RunningNode | undefined,
  observer: Observer,
): Promise<void> {
  observer.log(
    'error',
    'node.failed',
    `${reason}; this node ends, and a restart recovers what its disk holds`,
  );
  setTimeout(() => process.exit(exitCodes.failed), lastAnswersMs);
  await running?.answerLast();
  process.exit(exitCodes.failed);
}

/** An error that nobody caught has left something half done: a fresh start is the only safe state. */
function dieOfSurprises(observer: Observer): void {
  const die = (kind: string) => (error: unknown) => {
    const detail = error instanceof Error ? (error.stack ?? error.message) : errorMessageOf(error);
    observer.log('error', `process.${kind}`, `this is a defect, please report it: ${detail}`);
    process.exit(exitCodes.failed);
  };
  process.on('uncaughtException', die('uncaught_exception'));
  process.on('unhandledRejection', die('unhandled_rejection'));
}

const freeAddresses: FreeAddresses = {
  async listen() {
    const port = await firstFreePort(standalonePortMin, standalonePortMax);
    if (port !== undefined) return { host: standaloneHost, port };
    throw new CommandFailure(
      `all ports from ${standalonePortMin} to ${standalonePortMax} are in use: give one with --listen ${standaloneHost}:<port>`,
    );
  },
  async peerListen(workers) {
    const port = await firstOfFreePorts(workers);
    if (port !== undefined) return { host: standaloneHost, port };
    throw new CommandFailure(
      `no ${workers} free ports in a row were found: give the first with --peer-listen ${standaloneHost}:<port>`,
    );
  },
  cores: availableParallelism(),
};

function parseWorkers(text: string): WorkerCount {
  const count = Number(text);
  if (text === 'auto') return text;
  if (/^[0-9]{1,3}$/.test(text) && count >= 1 && count <= limits.workersMax) return count;
  throw new InvalidArgumentError(`Give auto, or a whole number from 1 to ${limits.workersMax}.`);
}

function parseListen(text: string): Address {
  const parsed = parseListenAddress(text);
  if (!parsed.ok) throw new InvalidArgumentError(`It must be ${parsed.allowed}.`);
  return parsed.address;
}

function parseDurabilityOption(text: string): Durability {
  const durability = parseDurability(text);
  if (durability === undefined) throw new InvalidArgumentError(`It must be ${durabilityForm}.`);
  return durability;
}
