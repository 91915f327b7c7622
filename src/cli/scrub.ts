/**
 * `mini-dynamo scrub`: every node reads all it stores again and verifies it; what is damaged comes back from the other
 * owners. Exit code 1 when damage was found that was not healed in time.
 */

import { z } from 'zod';

import { CommandFailure } from './command-failure.ts';
import { withExamples } from './command-options.ts';
import { chooseNodes, inspectCommand, type InspectedNode, type InspectOptions } from './inspect-command.ts';
import { askNode, failIfAny, runJob } from './node-job.ts';
import { formatBytes, remark, say } from './terminal.ts';
import { waitUntil } from './wait-until.ts';

const healWaitMs = 30_000;

export const scrubCommand = withExamples(
  inspectCommand('scrub')
    .description('read all that is stored again now, and heal what is damaged; exit code 1 when some is left')
    .argument('[ids...]', 'only these nodes')
    .action(scrub),
  [
    ['scrub', 'all nodes'],
    ['scrub n2', ''],
  ],
);

const reportSchema = z.object({
  records: z.number(),
  bytes: z.number(),
  corrupt: z.number(),
  sum_mismatches: z.number(),
});
const antiEntropySchema = z.object({ total_pulled: z.number(), level: z.boolean() });

async function scrub(ids: readonly string[], options: InspectOptions): Promise<void> {
  const nodes = await chooseNodes(ids, options);
  failIfAny(await Promise.allSettled(nodes.map(scrubNode)));
}

async function scrubNode(node: InspectedNode): Promise<void> {
  const pulled = async (): Promise<z.infer<typeof antiEntropySchema>> =>
    await askNode(node, { method: 'GET', path: '/debug/ae' }, antiEntropySchema);
  const before = await pulled();
  const job = { path: '/debug/scrub', body: {}, report: reportSchema };
  let shownBytes = 0;
  const report = await runJob(node, job, ({ records, bytes }) => {
    if (bytes < shownBytes + 64 * 1024 * 1024) return;
    shownBytes = bytes;
    remark(`${node.name}: ${records} records, ${formatBytes(bytes)} so far`);
  });
  const { records, bytes, corrupt, sum_mismatches: mismatches } = report;
  say(
    `${node.name}: ${records} records, ${formatBytes(bytes)} read; ${corrupt} damaged, ` +
      `${mismatches} ${mismatches === 1 ? 'sum' : 'sums'} of partitions wrong`,
  );
  if (corrupt === 0) return;
  let healed = 0;
  const isHealed = await waitUntil(
    async () => {
      const now = await pulled();
      healed = now.total_pulled - before.total_pulled;
      return healed >= corrupt && now.level;
    },
    { boundMs: healWaitMs },
  );
  if (!isHealed) {
    throw new CommandFailure(
      `${node.name}: ${corrupt} records are damaged and ${healed} were fetched from other owners within ` +
        `${healWaitMs / 1_000} s; see mini-dynamo status, and /debug/ae for what is missing`,
    );
  }
  say(`${node.name}: healed; ${healed} fetched from other owners`);
}
