/** `mini-dynamo compact`: frees what superseded and forgotten versions take on the disks of the nodes. */

import { z } from 'zod';

import { withExamples } from './command-options.ts';
import { chooseNodes, inspectCommand, type InspectedNode, type InspectOptions } from './inspect-command.ts';
import { askNode, failIfAny, runJob } from './node-job.ts';
import { formatBytes, say } from './terminal.ts';

export const compactCommand = withExamples(
  inspectCommand('compact')
    .description('free what superseded and forgotten versions take on the disk, now')
    .argument('[ids...]', 'only these nodes')
    .action(compact),
  [
    ['compact', 'all nodes'],
    ['compact n2', ''],
  ],
);

const logSchema = z.object({ wal_bytes: z.number() });

async function compact(ids: readonly string[], options: InspectOptions): Promise<void> {
  const nodes = await chooseNodes(ids, options);
  failIfAny(await Promise.allSettled(nodes.map(compactNode)));
}

async function compactNode(node: InspectedNode): Promise<void> {
  const before = await askNode(node, { method: 'GET', path: '/debug/persist' }, logSchema);
  // Until it is over, the report is missing.
  const job = { path: '/debug/compact', body: {}, report: logSchema };
  const after = await runJob(node, job, () => undefined);
  say(`${node.name}: the log takes ${formatBytes(after.wal_bytes)}, before ${formatBytes(before.wal_bytes)}`);
}
