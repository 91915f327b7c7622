/**
 * `mini-dynamo repair`: owners compare what they hold now, both ways, whatever they believe of each other.
 *
 * Each node fetches what it lacks, so all are asked, one after the other; one that owns nothing of what was asked for has
 * nothing to do. Exit code 1 when an owner failed or could not be reached.
 */

import { z } from 'zod';

import { CommandFailure, UsageFailure } from './command-failure.ts';
import { parseInteger, withExamples } from './command-options.ts';
import { chooseNodes, inspectCommand, type InspectedNode, type InspectOptions } from './inspect-command.ts';
import { askNode, runJob } from './node-job.ts';
import { formatBytes, remark, say } from './terminal.ts';

interface RepairOptions extends InspectOptions {
  readonly partition?: number;
  readonly key?: string;
}

export const repairCommand = withExamples(
  inspectCommand('repair')
    .description(
      'make owners compare what they hold now, and fetch what they lack; exit code 1 when one could not',
    )
    .argument('[ids...]', 'only from these nodes')
    .option('--partition <number>', 'only this partition', parseInteger(0, 0xffff_ffff))
    .option('--key <key>', 'only the partition of this key, as UTF-8')
    .action(repair),
  [
    ['repair', 'everything'],
    ['repair --key cart/1', ''],
    ['repair n2 --partition 17', ''],
  ],
);

const peerSchema = z.object({
  id: z.string(),
  partitions: z.number(),
  state: z.string(),
  pulled: z.number(),
  pushed: z.number(),
  error: z.string(),
});
const reportSchema = z.object({ ok: z.boolean(), peers: z.array(peerSchema) });
const wireSchema = z.object({
  owners: z.array(z.object({ sent_bytes: z.number(), received_bytes: z.number() })),
});

async function repair(ids: readonly string[], options: RepairOptions): Promise<void> {
  const { partition, key } = options;
  if (partition !== undefined && key !== undefined) {
    throw new UsageFailure('Give --partition or --key, not both.');
  }
  const nodes = await chooseNodes(ids, options);
  const body = key !== undefined ? { key } : partition !== undefined ? { partition } : {};
  const problems: string[] = [];
  for (const node of nodes) {
    try {
      problems.push(...(await repairNode(node, body)));
    } catch (error) {
      if (!(error instanceof CommandFailure)) throw error;
      problems.push(error.message);
    }
  }
  if (problems.length > 0) throw new CommandFailure(problems.join('\n'));
}

/** Tells what came of it; returns what did not. */
async function repairNode(node: InspectedNode, body: unknown): Promise<readonly string[]> {
  const before = await wireBytes(node);
  let shown = '';
  const { peers } = await runJob(node, { path: '/debug/repair', body, report: reportSchema }, (report) => {
    const line = report.peers.map(({ id, state, pulled, pushed }) => `${id} ${state} ${pulled}/${pushed}`);
    const text = `${node.name}: ${line.join(', ')} (fetched/handed out)`;
    if (text !== shown) remark(text);
    shown = text;
  });
  if (peers.length === 0) {
    say(`${node.name}: owns nothing of it together with another node`);
    return [];
  }
  const bytes = (await wireBytes(node)) - before;
  for (const { id, partitions, state, pulled, pushed } of peers) {
    if (state !== 'done') continue;
    const found = pulled + pushed === 0 ? 'nothing differed' : `fetched ${pulled}, handed out ${pushed}`;
    say(`${node.name}: ${partitions} ${partitions === 1 ? 'partition' : 'partitions'} with ${id}: ${found}`);
  }
  say(`${node.name}: ${formatBytes(bytes)} over the wire`);
  return peers
    .filter(({ state }) => state !== 'done')
    .map(
      ({ id, state, error }) => `${node.name}: ${id} ${error === '' ? `is ${state}` : `${state}: ${error}`}`,
    );
}

/** What the node has exchanged to compare, since its start. */
async function wireBytes(node: InspectedNode): Promise<number> {
  const { owners } = await askNode(node, { method: 'GET', path: '/debug/ae' }, wireSchema);
  return owners.reduce((sum, owner) => sum + owner.sent_bytes + owner.received_bytes, 0);
}
