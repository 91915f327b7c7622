/**
 * What the simulator's checkers say about real nodes: when the faults are over and all is mended, every key is
 * read, and the whole history is judged.
 */

import { setTimeout as sleep } from 'node:timers/promises';

import { z } from 'zod';

import { crc32 } from '../../../src/core/crc32.ts';
import { encodeRecord, type StoredRecord } from '../../../src/core/record.ts';
import { hasStatus, statusText } from '../../../src/cli/key-client.ts';
import { requestNode } from '../../../src/cli/node-client.ts';
import { waitUntil } from '../../../src/cli/wait-until.ts';
import { acknowledgedWritesSurvive } from '../../../src/sim/checkers/acknowledged-writes-survive.ts';
import type { BrokenPromise } from '../../../src/sim/checkers/broken-promise.ts';
import { causallyLaterWins } from '../../../src/sim/checkers/causally-later-wins.ts';
import { clocksNeverRunBack } from '../../../src/sim/checkers/clocks-never-run-back.ts';
import { everythingIsServed } from '../../../src/sim/checkers/everything-is-served.ts';
import { hintsDrain, type HintsOfNode } from '../../../src/sim/checkers/hints-drain.ts';
import { keysAreRegisters } from '../../../src/sim/checkers/keys-are-registers.ts';
import { noInventedValues } from '../../../src/sim/checkers/no-invented-values.ts';
import { readsNeverGoBack } from '../../../src/sim/checkers/reads-never-go-back.ts';
import { replicasConverge, type CopiesOfKey } from '../../../src/sim/checkers/replicas-converge.ts';
import { timing, type FaultCluster } from './fault-cluster.ts';
import type { RecordedLoad } from './recorded-load.ts';

const drainWithinMs = 15_000;
const convergeWithinMs = 5_000;
const askTimeoutMs = 5_000;

const hintsSchema = z.object({ targets: z.record(z.string(), z.int()) });
const localSchema = z.discriminatedUnion('found', [
  z.object({ found: z.literal(false) }),
  z.object({
    found: z.literal(true),
    record: z.object({
      value: z.string(),
      ts: z.int(),
      counter: z.int(),
      actor: z.string(),
      deleted: z.boolean(),
      content_type: z.string().optional(),
    }),
  }),
]);

/** Mends all, reads all, and returns every promise that was broken. The load must have stopped. */
export async function judge(cluster: FaultCluster, load: RecordedLoad): Promise<readonly BrokenPromise[]> {
  const { history } = load;
  await cluster.mend();
  // A write whose owner does not answer leaves its hint by then.
  await sleep(timing.requestTimeoutMs);
  const isDrained = async (): Promise<boolean> => (await hintsOf(cluster)).length === 0;
  await waitUntil(isDrained, { boundMs: drainWithinMs });
  const hints = await hintsOf(cluster);
  const faulty = [...history.operations];
  const reads = load.keys.flatMap((key) => cluster.ids.map((id) => load.client.get(cluster.node(id), key)));
  const finalReads = await Promise.all(reads);
  const copies = await convergedCopies(cluster, load);
  return [
    ...acknowledgedWritesSurvive({ history: faulty, finalReads }),
    ...noInventedValues({ history: history.operations }),
    ...readsNeverGoBack({ history: history.operations, readQuorumsMeet: true }),
    ...keysAreRegisters({ history: history.operations, stampsFollowTime: false }),
    ...causallyLaterWins({ history: history.operations }),
    ...clocksNeverRunBack({ history: history.operations }),
    ...hintsDrain({ hints }),
    ...replicasConverge({ copies }),
    ...everythingIsServed({ troubles: [], finalOperations: finalReads }),
  ];
}

/** The nodes that still keep hints. */
async function hintsOf(cluster: FaultCluster): Promise<readonly HintsOfNode[]> {
  const nodes = await Promise.all(
    cluster.ids.map(async (id) => {
      const { targets } = hintsSchema.parse(await askJson(cluster, id, 'GET', '/debug/hints'));
      const hints = Object.entries(targets).map(([target, count]) => ({
        target: cluster.node(target).id,
        count,
        bytes: 0,
      }));
      return { node: id, hints };
    }),
  );
  return nodes.filter(({ hints }) => hints.some(({ count }) => count > 0));
}

/** Has every key read at all its owners, which repairs them, and says what each holds once they agree, or at last. */
async function convergedCopies(cluster: FaultCluster, load: RecordedLoad): Promise<readonly CopiesOfKey[]> {
  const { n } = cluster.local.settings.quorum;
  await Promise.all(load.keys.map((key) => load.client.get(cluster.node('n1'), key, n)));
  let copies: readonly CopiesOfKey[] = [];
  await waitUntil(
    async () => {
      copies = await Promise.all(load.keys.map((key) => copiesOf(cluster, key)));
      return replicasConverge({ copies }).length === 0;
    },
    { boundMs: convergeWithinMs },
  );
  return copies;
}

async function copiesOf(cluster: FaultCluster, key: string): Promise<CopiesOfKey> {
  const { owners } = await cluster.client('n1').placementOf(key);
  const copies = owners.map(async (node) => ({ node, record: await localRecord(cluster, node, key) }));
  return { key, copies: await Promise.all(copies) };
}

/** What a node has on its own disk, encoded anew from what it says: replicas with the same bytes say the same. */
async function localRecord(
  cluster: FaultCluster,
  id: string,
  key: string,
): Promise<StoredRecord | undefined> {
  const local = localSchema.parse(await askJson(cluster, id, 'POST', '/internal/get', { key }));
  if (!local.found) return undefined;
  const { value, ts, counter, actor, deleted, content_type: contentType = '' } = local.record;
  return encodeRecord(
    {
      key: Buffer.from(key),
      dot: { wallMs: ts, counter, actor },
      value: Buffer.from(value, 'base64'),
      contentType,
      tombstone: deleted,
    },
    crc32,
  );
}

async function askJson(
  cluster: FaultCluster,
  id: string,
  method: string,
  path: string,
  body?: unknown,
): Promise<unknown> {
  const reply = await requestNode(cluster.node(id).address, {
    method,
    path,
    headers: { accept: 'application/json', 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: Buffer.from(JSON.stringify(body)) }),
    timeoutMs: askTimeoutMs,
  });
  if (!hasStatus(reply, 200)) throw new Error(`${method} ${path} at ${id}: ${statusText(reply)}`);
  return JSON.parse(reply.body.toString());
}
