/**
 * One page of a scan over the whole cluster: keys in token order, each partition on the evidence of R of its owners.
 *
 * All owners that are up are asked for what they hold from a token on, with the requests of anti-entropy; what they
 * answer is merged up to where the shortest answer ends. So every key whose write was acknowledged before the page
 * was asked for is in it, unless all that R other owners know of it are hints that wait elsewhere. Values travel
 * along: a scan is for operators and migrations, not for serving requests.
 */

import type { NodeId } from '../core/config.ts';
import { treeRange, treeRoot } from '../core/hash-tree.ts';
import { limits } from '../core/limits.ts';
import { supersedes } from '../core/merge.ts';
import { verifyRecord, type StoredRecord } from '../core/record.ts';
import {
  compareTokens,
  isInRange,
  partitionOf,
  tokenAfter,
  type Token,
  type TokenRange,
} from '../core/token.ts';
import type { Coordination } from './coordination.ts';
import type { KeyEntry, ScanOutcome } from './node-api.ts';
import type { CallResult } from './remote-calls.ts';
import type { TreeRequest, TreeResponder } from './tree-responder.ts';

export interface ScanPageRequest {
  readonly from: Token;
  /** The page ends once it has so many keys; it may have many more, or none. */
  readonly limit: number;
  readonly r: number;
  readonly timeoutMs: number;
}

interface OwnerPage {
  readonly records: readonly StoredRecord[];
  readonly next: Token | undefined;
  /** Whether the owner vouches for holding all that it ever acknowledged. */
  readonly evidence: boolean;
}

type Trees = Pick<TreeResponder, 'answer'>;

/** Never rejects. */
export async function coordinateScan(
  coordination: Coordination,
  trees: Trees,
  request: ScanPageRequest,
): Promise<ScanOutcome> {
  const entries: KeyEntry[] = [];
  let from: Token | undefined = request.from;
  for (let visited = 0; visited < limits.scanPartitionsPerPage; visited++) {
    if (from === undefined || entries.length >= request.limit) break;
    const page: ScanOutcome = await scanPartition(coordination, trees, { ...request, from });
    // What was found is told first; the next page begins where it failed, and says so.
    if (page.kind === 'unavailable')
      return entries.length === 0 ? page : { kind: 'page', entries, next: from };
    entries.push(...page.entries);
    from = page.next;
  }
  return { kind: 'page', entries, next: from };
}

/** What lies in the partition of `from`, up to where the first owner's answer ends. */
async function scanPartition(
  coordination: Coordination,
  trees: Trees,
  request: ScanPageRequest,
): Promise<ScanOutcome> {
  const { placement, isUp } = coordination;
  const { from, r, timeoutMs } = request;
  const partition = partitionOf(from, placement.partitions);
  const { last } = treeRange(treeRoot(partition), placement.partitions);
  const range: TokenRange = { first: from, last };
  const owners = placement.owners(partition).filter(isUp);
  const answers = await Promise.all(
    owners.map((owner) => askOwner(coordination, trees, { owner, partition, range, timeoutMs })),
  );
  const pages = answers.filter((page) => page !== undefined);
  const answered = pages.filter(({ evidence }) => evidence).length;
  if (answered < r) {
    return {
      kind: 'unavailable',
      code: 'QUORUM_NOT_MET',
      answered,
      required: r,
      message: `${answered} of the required ${r} owners of partition ${partition} answered the scan. Try again when more nodes are up.`,
    };
  }
  const next = pages.map((page) => page.next).reduce(earlier, undefined);
  return { kind: 'page', entries: merged(pages, next), next: next ?? tokenAfter(last) };
}

/** Each key before `next` once, with the newest version that any owner holds. */
function merged(pages: readonly OwnerPage[], next: Token | undefined): KeyEntry[] {
  const newest = new Map<string, StoredRecord>();
  for (const record of pages.flatMap((page) => page.records)) {
    if (next !== undefined && compareTokens(record.token, next) >= 0) continue;
    const name = record.key.join();
    if (supersedes(record.version, newest.get(name)?.version)) newest.set(name, record);
  }
  return [...newest.values()]
    .sort((left, right) => compareTokens(left.token, right.token))
    .map(({ key, version }) => ({ key, digest: version }));
}

function earlier(left: Token | undefined, right: Token | undefined): Token | undefined {
  if (left === undefined || right === undefined) return left ?? right;
  return compareTokens(left, right) <= 0 ? left : right;
}

/** What one owner holds in a range; undefined when it does not answer, or nonsense. */
async function askOwner(
  coordination: Coordination,
  trees: Trees,
  question: {
    readonly owner: NodeId;
    readonly partition: number;
    readonly range: TokenRange;
    readonly timeoutMs: number;
  },
): Promise<OwnerPage | undefined> {
  const { owner, partition, range, timeoutMs } = question;
  const partitions = [{ partition, floorMs: 0 }];
  const [state, fetched] = await Promise.all([
    ask(coordination, trees, owner, { kind: 'partition-sums', timeoutMs, upToMs: undefined, partitions }),
    ask(coordination, trees, owner, { kind: 'fetch-range', timeoutMs, range }),
  ]);
  if (state.kind !== 'partition-sums' || fetched.kind !== 'records') return undefined;
  const { records, next } = fetched;
  const isSound =
    records.every(
      (record) => isInRange(record.token, range) && verifyRecord(record, coordination.checksum),
    ) &&
    (next === undefined || (isInRange(next, range) && compareTokens(next, range.first) > 0));
  return isSound ? { records, next, evidence: state.states[0]?.completeness === 'complete' } : undefined;
}

function ask(
  coordination: Coordination,
  trees: Trees,
  owner: NodeId,
  request: TreeRequest,
): Promise<CallResult> {
  if (owner === coordination.config.id) {
    // A store that fails here is the same to a scan as an owner that does not answer.
    return trees.answer(request).catch(() => ({ kind: 'unreachable' }) as const);
  }
  return new Promise((resolve) => {
    coordination.calls.ask([owner], request, request.timeoutMs, (_, result) => resolve(result));
  });
}
