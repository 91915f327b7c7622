/**
 * Long work that a node does for an operator: begun with one request, followed with others until it is over.
 *
 * The node goes on when this command is interrupted, and a second one of the kind is refused until it is done.
 */

import { setTimeout as sleep } from 'node:timers/promises';

import { z } from 'zod';

import { describeRefusal } from './client-command.ts';
import { CommandFailure } from './command-failure.ts';
import type { InspectedNode } from './inspect-command.ts';
import { requestNode, type NodeRequest } from './node-client.ts';

const pollMs = 200;
const answerTimeoutMs = 5_000;

const jobSchema = z.object({ number: z.int(), state: z.string(), error: z.string() });

/** One answer of a node, as `schema` says; throws `CommandFailure` for any other. */
export async function askNode<Schema extends z.ZodType>(
  node: InspectedNode,
  request: Omit<NodeRequest, 'timeoutMs'>,
  schema: Schema,
): Promise<z.infer<Schema>> {
  const reply = await requestNode(node.address, {
    ...request,
    headers: { accept: 'application/json' },
    timeoutMs: answerTimeoutMs,
  });
  if (reply.kind !== 'answered') throw new CommandFailure(`${node.name} does not answer: ${reply.message}`);
  if (reply.status >= 400) {
    throw new CommandFailure(`${node.name}: ${describeRefusal(reply.status, reply.body)}`);
  }
  return schema.parse(JSON.parse(reply.body.toString('utf8')));
}

/** Begins a job and resolves to its last report; throws `CommandFailure` when it is refused or fails. */
export async function runJob<Shape extends z.ZodRawShape>(
  node: InspectedNode,
  job: { readonly path: string; readonly body: unknown; readonly report: z.ZodObject<Shape> },
  onProgress: (report: z.infer<z.ZodObject<Shape>>) => void,
): Promise<z.infer<z.ZodObject<Shape>>> {
  const { path, report } = job;
  const body = Buffer.from(JSON.stringify(job.body));
  const begun = await askNode(node, { method: 'POST', path, body }, jobSchema);
  for (;;) {
    const raw = await askNode(node, { method: 'GET', path }, z.record(z.string(), z.unknown()));
    const { number, state, error } = jobSchema.parse(raw);
    if (number !== begun.number) throw new CommandFailure(`${node.name} has restarted meanwhile`);
    if (state === 'failed') throw new CommandFailure(`${node.name}: ${error}`);
    const told = report.safeParse(raw);
    if (state !== 'running') return report.parse(raw);
    if (told.success) onProgress(told.data);
    await sleep(pollMs);
  }
}

/** What went well for some nodes is told before what did not; throws when anything did not. */
export function failIfAny(results: readonly PromiseSettledResult<unknown>[]): void {
  const reasons = results.flatMap((result) =>
    result.status === 'fulfilled'
      ? []
      : [result.reason instanceof Error ? result.reason.message : String(result.reason)],
  );
  if (reasons.length > 0) throw new CommandFailure(reasons.join('\n'));
}
