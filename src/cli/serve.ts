/**
 * `mini-dynamo serve`: one node in this process, until it is told to stop.
 *
 * SIGINT and SIGTERM end it cleanly within a bound (a second one at once): it stops accepting, answers
 * what is under way and closes its store with a checkpoint. A failed sync of the log ends it with exit code
 * 1, because only a restart can tell what the disk really holds.
 */

import { Command, InvalidArgumentError, Option } from 'commander';

import type { Durability } from '../core/config.ts';
import { errorMessageOf } from '../core/errors.ts';
import type { Observer } from '../ports/observer.ts';
import { formatAddress, localAddressOf, parseListenAddress, type Address } from './address.ts';
import { durabilityForm, engines, formatDurability, parseDurability } from './cluster-settings.ts';
import { CommandFailure, exitCodes } from './command-failure.ts';
import { urlOf, withExamples } from './command-options.ts';
import { saveCompileCache } from './compile-cache.ts';
import type { RunningNode } from './compose-node.ts';
import { firstFreePort } from './free-ports.ts';
import { createLogObserver, logFormats, logLevels } from './log-observer.ts';
import { serveSettings, type ServeOptions, type ServeSettings } from './serve-settings.ts';
import { say } from './terminal.ts';

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
    .option('--no-anti-entropy', 'do not compare with other owners: hints and read repair alone')
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
    ['serve --id n1 -c nodes.json --listen 0.0.0.0:9001 -d /var/lib/n1 --durability interval:50', ''],
  ],
);

async function serve(options: ServeOptions): Promise<void> {
  const settings = await serveSettings(options, standaloneAddress);
  const observer = createLogObserver({
    format: options.logFormat,
    level: options.logLevel,
    write: (line) => process.stderr.write(line),
    nowMs: Date.now,
  });
  for (const warning of settings.warnings) observer.log('warn', 'config.suspicious', warning);
  dieOfSurprises(observer);
  await untilStopped(settings, observer);
}

/** Runs the node; resolves once it has stopped cleanly. */
async function untilStopped(settings: ServeSettings, observer: Observer): Promise<void> {
  const asked = Promise.withResolvers<NodeJS.Signals>();
  const life: { running?: RunningNode } = {};
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      // Before it serves there is nothing to drain, and the second time somebody is in a hurry.
      if (life.running === undefined) process.exit(exitCodes.ok);
      process.once(signal, () => process.exit(exitCodes.failed));
      asked.resolve(signal);
    });
  }
  // The node's parts take half a second to load, which the other commands need not spend.
  const { composeNode } = await import('./compose-node.ts');
  const running = await composeNode(settings, {
    observer,
    onFatal: (reason) => void endWithFailure(reason, life.running, observer),
  });
  life.running = running;
  announce(settings, running, observer);
  saveCompileCache();
  const signal = await asked.promise;
  observer.log('info', 'node.stopping', `${signal}: answering what is under way and closing the store`);
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
  const address = localAddressOf(running.address);
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
  if (!settings.standalone) return;
  const url = urlOf(address);
  const where = address.port === standalonePortMin ? '' : ` --addr ${formatAddress(address)}`;
  say(`${config.id} serves ${url} on its own, with its data in ${dataDirectory}. Ctrl+C stops it.`);
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

async function standaloneAddress(): Promise<Address> {
  const port = await firstFreePort(standalonePortMin, standalonePortMax);
  if (port !== undefined) return { host: standaloneHost, port };
  throw new CommandFailure(
    `all ports from ${standalonePortMin} to ${standalonePortMax} are in use: give one with --listen ${standaloneHost}:<port>`,
  );
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
