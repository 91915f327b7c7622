/** `mini-dynamo status`: a line for each node, each speaking for itself. */

import { z } from 'zod';

import { formatAddress } from './address.ts';
import { CommandFailure } from './command-failure.ts';
import { withExamples } from './command-options.ts';
import {
  antiEntropySchema,
  floorCell,
  floorSchema,
  healingRemarks,
  levelCell,
  nothing,
  witnessCell,
} from './healing-figures.ts';
import { loadRemarks, loadSchema } from './load-figures.ts';
import { chooseNodes, inspectCommand, type InspectedNode, type InspectOptions } from './inspect-command.ts';
import { healthOfAddress, readinessOfAddress, type NodeAnswer } from './node-answer.ts';
import { requestNode } from './node-client.ts';
import { certificateRemarks, peersCell, peersSchema } from './peers-figures.ts';
import { formatBytes, formatTable, say } from './terminal.ts';

const pageTimeoutMs = 2_000;

export const statusCommand = withExamples(
  inspectCommand('status')
    .description(
      'one line for each node: its figures, whether it is level with the others, and what holds it up',
    )
    .action(status),
  [
    ['status', ''],
    ['status --addr 127.0.0.1:9001', 'one node, without a nodes file'],
  ],
);

const persistSchema = z.object({ keys: z.number(), wal_bytes: z.number() });
const hintsSchema = z.object({ count: z.number() });
const ringSchema = z.object({ partitions_per_node: z.record(z.string(), z.number()) });

const heading = [
  'NODE',
  'ADDRESS',
  'UP',
  'READY',
  'KEYS',
  'LOG',
  'HINTS',
  'PARTITIONS',
  'PEERS',
  'LEVEL',
  'FLOOR',
  'WITNESS',
];

async function status(options: InspectOptions): Promise<void> {
  const nodes = await chooseNodes([], options);
  const rows = await Promise.all(nodes.map(rowOf));
  say(formatTable([heading, ...rows.map(({ cells }) => cells)]));
  for (const { remarks } of rows) remarks.forEach(say);
  if (rows.every(({ up }) => !up)) throw new CommandFailure('No node answers.');
}

interface Row {
  readonly up: boolean;
  readonly cells: readonly string[];
  readonly remarks: readonly string[];
}

async function rowOf(node: InspectedNode): Promise<Row> {
  const [health, readiness, persist, hints, ring, peers, ae, floor, load] = await Promise.all([
    healthOfAddress(node.address),
    readinessOfAddress(node.address),
    page(node, '/debug/persist', persistSchema),
    page(node, '/debug/hints', hintsSchema),
    page(node, '/debug/ring', ringSchema),
    page(node, '/debug/peers', peersSchema),
    page(node, '/debug/ae', antiEntropySchema),
    page(node, '/debug/floor', floorSchema),
    page(node, '/debug/load', loadSchema),
  ]);
  const up = health.kind !== 'silent';
  const partitions = ring?.partitions_per_node[peers?.id ?? node.name];
  return {
    up,
    cells: [
      peers?.id ?? node.name,
      formatAddress(node.address),
      up ? 'yes' : 'no',
      readiness.kind === 'yes' ? 'yes' : 'no',
      String(persist?.keys ?? nothing),
      persist === undefined ? nothing : formatBytes(persist.wal_bytes),
      String(hints?.count ?? nothing),
      String(partitions ?? nothing),
      peersCell(peers),
      levelCell(ae),
      floorCell(floor, Date.now()),
      witnessCell(ae),
    ],
    remarks: [
      ...remarksOf(node, health),
      ...(up ? remarksOf(node, readiness) : []),
      ...loadRemarks(peers?.id ?? node.name, load),
      ...certificateRemarks(peers?.id ?? node.name, peers, Date.now()),
      ...healingRemarks(peers?.id ?? node.name, ae, floor),
    ],
  };
}

function remarksOf(node: InspectedNode, answer: NodeAnswer): readonly string[] {
  return answer.kind === 'yes' ? [] : [`${node.name}: ${answer.message}`];
}

/** One page of figures; undefined when the node does not answer with it. */
async function page<Schema extends z.ZodType>(
  node: InspectedNode,
  path: string,
  schema: Schema,
): Promise<z.infer<Schema> | undefined> {
  const reply = await requestNode(node.address, { method: 'GET', path, timeoutMs: pageTimeoutMs });
  if (reply.kind !== 'answered' || reply.status !== 200) return undefined;
  return schema.parse(JSON.parse(reply.body.toString('utf8')));
}
