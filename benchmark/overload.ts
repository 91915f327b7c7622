/**
 * Three times as many requests as the cluster can answer: what becomes of the answers, and how soon all is well again.
 *
 * Each round finds the peak in a closed loop, looks at half of it in an open loop (what is normal), sends three times
 * the peak with clients that try again, then half again. Told are the answers within their deadline as a share of the
 * round's own peak, and after how long p99 stays below twice the normal (or 20 ms). Nothing is asserted.
 *
 * On a machine with few cores the driver takes CPU from the nodes, and more of it the more it sends: so the nodes
 * are pinned to one core and the driver to another (`--node-cores`, `--driver-core`; empty for not at all). What others
 * do on the machine takes CPU from both, which answers per CPU second of the nodes show least; and a slow disk is no
 * overload: TMPDIR=/dev/shm takes it out.
 *
 *   node benchmark/overload.ts --rounds 3 --json overload.json
 */

import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

import { prefill, runLoad } from './load.ts';
import { round } from './measurement.ts';
import { OpenLoop, sliceMs, type LoadSlice } from './open-loop.ts';
import { cpuSecondsOf } from './process-cpu.ts';
import { startCluster, type RunningServer } from './server-process.ts';

const { values } = parseArgs({
  options: {
    // Another checkout's, to compare with.
    program: { type: 'string', default: 'src/cli/main.ts' },
    nodes: { type: 'string', default: '3' },
    rounds: { type: 'string', default: '3' },
    'node-cores': { type: 'string', default: '0' },
    'driver-core': { type: 'string', default: '1' },
    // The peak is the best of these.
    'peak-connections': { type: 'string', default: '64,192,768' },
    'peak-seconds': { type: 'string', default: '2' },
    times: { type: 'string', default: '3' },
    'overload-seconds': { type: 'string', default: '10' },
    'after-seconds': { type: 'string', default: '6' },
    // Of all client programs together: so many that, all under way, they would wait so long for the peak's answers.
    'connections-ms': { type: 'string', default: '250' },
    'deadline-ms': { type: 'string', default: '1000' },
    attempts: { type: 'string', default: '3' },
    keys: { type: 'string', default: '20000' },
    'value-bytes': { type: 'string', default: '100' },
    json: { type: 'string' },
  },
});

interface Round {
  readonly peakPerSecond: number;
  readonly connections: number;
  readonly normalP99Ms: number;
  /** Answers in time a second while overloaded, and in the worst second; the same as shares of the peak. */
  readonly goodPerSecond: number;
  readonly share: number;
  readonly worstShare: number;
  /** The same per CPU second of the nodes, as a share of the best that closed loops got: what a busy machine disturbs least. */
  readonly shareOfCpu: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly perSecond: Readonly<
    Record<'arrived' | 'retried' | 'refused' | 'timedOut' | 'unsent' | 'otherErrors', number>
  >;
  /** Until p99 stayed normal, after the load had gone back to half the peak; null when it did not. */
  readonly recoveredAfterMs: number | null;
  readonly afterP99Ms: number;
  /** Cores that the nodes and the driver used while overloaded. */
  readonly nodeCores: number | null;
  readonly driverCores: number;
}

/** p99 below this is normal whatever it was before: a timer and a sync. */
const normalMsMin = 20;
const load = { keys: Number(values.keys), valueBytes: Number(values['value-bytes']) };

function pin(pid: number, cores: string): void {
  if (cores !== '') execFileSync('taskset', ['-acp', cores, String(pid)], { stdio: 'ignore' });
}

async function playRound(server: RunningServer): Promise<Round> {
  const { urls, pids } = server;
  const peak = await peakOf(server);
  const peakPerSecond = peak.perSecond;
  const connections = Math.ceil((peakPerSecond * Number(values['connections-ms'])) / 1_000);
  const loop = new OpenLoop({
    ...{ ...load, urls, connections },
    ...{ deadlineMs: Number(values['deadline-ms']), poolWaitMs: Number(values['deadline-ms']) / 4 },
    attemptsMax: Number(values.attempts),
  });
  try {
    const half = peakPerSecond / 2;
    await loop.run({ ratePerSecond: half, durationMs: 2_000 });
    const normal = await loop.run({ ratePerSecond: half, durationMs: 3_000 });
    const nodesBefore = cpuSecondsOf(pids);
    const driverBefore = process.cpuUsage();
    const overloadMs = Number(values['overload-seconds']) * 1_000;
    const over = await loop.run({
      ratePerSecond: Number(values.times) * peakPerSecond,
      durationMs: overloadMs,
    });
    const driver = process.cpuUsage(driverBefore);
    const nodesAfter = cpuSecondsOf(pids);
    const after = await loop.run({
      ratePerSecond: half,
      durationMs: Number(values['after-seconds']) * 1_000,
    });

    const normalP99Ms = medianOf(normal.map(p99Of));
    const bound = Math.max(normalMsMin, 2 * normalP99Ms);
    const lastSlow = after.findLastIndex((slice) => p99Of(slice) > bound || slice.inTime < slice.arrived / 2);
    const seconds = overloadMs / 1_000;
    const total = (field: 'inTime' | keyof Round['perSecond']): number =>
      Math.round(over.reduce((sum, slice) => sum + slice[field], 0) / seconds);
    const good = total('inTime');
    return {
      peakPerSecond: Math.round(peakPerSecond),
      connections,
      normalP99Ms: round(normalP99Ms, 2),
      goodPerSecond: good,
      share: round(good / peakPerSecond, 3),
      worstShare: round(worstSecond(over) / peakPerSecond, 3),
      shareOfCpu: round(
        (good * seconds) / ((nodesAfter ?? Number.NaN) - (nodesBefore ?? Number.NaN)) / peak.perCpuSecond,
        3,
      ),
      p50Ms: round(medianOf(over.map(({ latency }) => latency.percentile(0.5) / 1_000)), 1),
      p99Ms: round(Math.max(...over.map(p99Of)), 1),
      perSecond: {
        ...{ arrived: total('arrived'), retried: total('retried'), refused: total('refused') },
        ...{ timedOut: total('timedOut'), unsent: total('unsent'), otherErrors: total('otherErrors') },
      },
      recoveredAfterMs: lastSlow === after.length - 1 ? null : (lastSlow + 1) * sliceMs,
      afterP99Ms: round(medianOf(after.map(p99Of)), 2),
      nodeCores:
        nodesBefore === undefined || nodesAfter === undefined
          ? null
          : round((nodesAfter - nodesBefore) / seconds, 2),
      driverCores: round((driver.user + driver.system) / 1e6 / seconds, 2),
    };
  } finally {
    loop.close();
  }
}

/** The most that closed loops get answered, and per CPU second of the nodes. */
async function peakOf({ urls, pids }: RunningServer): Promise<{ perSecond: number; perCpuSecond: number }> {
  const peak = { perSecond: 0, perCpuSecond: 0 };
  for (const connections of values['peak-connections'].split(',').map(Number)) {
    const closed = { ...load, urls, operation: 'mix', connections } as const;
    await runLoad({ ...closed, durationMs: 500 });
    const cpuBefore = cpuSecondsOf(pids) ?? Number.NaN;
    const { operations, durationMs } = await runLoad({
      ...closed,
      durationMs: Number(values['peak-seconds']) * 1_000,
    });
    const cpuSeconds = (cpuSecondsOf(pids) ?? Number.NaN) - cpuBefore;
    peak.perSecond = Math.max(peak.perSecond, (operations * 1_000) / durationMs);
    peak.perCpuSecond = Math.max(peak.perCpuSecond, operations / cpuSeconds);
  }
  return peak;
}

function p99Of({ latency }: LoadSlice): number {
  return latency.percentile(0.99) / 1_000;
}

/** Answers in time of the worst whole second. */
function worstSecond(slices: readonly LoadSlice[]): number {
  const perSecond = 1_000 / sliceMs;
  let worst = Number.POSITIVE_INFINITY;
  for (let first = 0; first + perSecond <= slices.length; first++) {
    const sum = slices.slice(first, first + perSecond).reduce((total, { inTime }) => total + inTime, 0);
    worst = Math.min(worst, sum);
  }
  return worst;
}

function medianOf(numbers: readonly number[]): number {
  return numbers.toSorted((left, right) => left - right)[numbers.length >>> 1] ?? 0;
}

function show(rounds: readonly Round[]): void {
  for (const one of rounds) {
    const { arrived, retried, refused, timedOut, unsent, otherErrors } = one.perSecond;
    process.stdout.write(
      `peak ${one.peakPerSecond}/s, ${one.connections} connections; at ${values.times} times: good ${one.goodPerSecond}/s = ${one.share} of the peak ` +
        `(worst second ${one.worstShare}; per CPU second ${one.shareOfCpu}), p50 ${one.p50Ms} ms, p99 ${one.p99Ms} ms\n` +
        `  a second: arrived ${arrived}, retried ${retried}, refused ${refused}, timed out ${timedOut}, ` +
        `unsent ${unsent}, other ${otherErrors}; cores: nodes ${one.nodeCores ?? '-'}, driver ${one.driverCores}\n` +
        `  back at half: normal p99 ${one.normalP99Ms} ms, after it ${one.afterP99Ms} ms, ` +
        `${one.recoveredAfterMs === null ? 'not recovered' : `recovered within ${one.recoveredAfterMs + sliceMs} ms`}\n`,
    );
  }
  const shares = rounds.map(({ share }) => share);
  process.stdout.write(
    `share of the peak: median ${medianOf(shares)} (min ${Math.min(...shares)}, max ${Math.max(...shares)}, ${rounds.length} rounds)\n`,
  );
}

pin(process.pid, values['driver-core']);
const server = await startCluster({
  nodes: Number(values.nodes),
  command: `node ${values.program} serve --id {id} --config {config} --data-dir {data}`,
  readyPath: '/ready',
});
process.once('SIGTERM', () => void server.stop().then(() => process.exit(1)));
const rounds: Round[] = [];
try {
  for (const pid of server.pids) pin(pid, values['node-cores']);
  const { errors } = await prefill({ ...load, urls: server.urls, connections: 64 });
  if (errors.size > 0) throw new Error(`prefilling failed: ${JSON.stringify(Object.fromEntries(errors))}`);
  // Code gets compiled.
  await runLoad({ ...load, urls: server.urls, operation: 'mix', connections: 192, durationMs: 6_000 });
  for (let index = 0; index < Number(values.rounds); index++) rounds.push(await playRound(server));
  show(rounds);
} finally {
  await server.stop();
}
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(rounds, undefined, 2)}\n`);
