/**
 * Questions of anti-entropy to one owner, with answers that can be relied on: of the right kind, in order, inside of
 * what was asked, and further on than before.
 *
 * An owner that answers anything else is refused (`FRAME_INVALID`); the session with it ends, and nothing of the answer is
 * used. One that can't be reached ends it as well. What went over the wire is counted.
 */

import type { NodeId } from '../core/config.ts';
import { StoreError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { StoredRecord } from '../core/record.ts';
import { compareTokens, isInRange, type Token, type TokenRange } from '../core/token.ts';
import type { SummedVersion, VersionSum } from '../core/version-sum.ts';
import { healingReplyBytes, healingRequestBytes } from '../protocol/healing-codec.ts';
import type {
  CompareProgress,
  HealingReply,
  HealingRequest,
  PartitionFloor,
  PartitionState,
  Testimony,
  VersionsReply,
} from '../protocol/healing-messages.ts';
import type { CallResult, RemoteCalls } from './remote-calls.ts';

export interface Records {
  readonly records: readonly StoredRecord[];
  /** The first token that was not reached. */
  readonly next: Token | undefined;
}

export class OwnerExchange {
  readonly peer: NodeId;
  readonly #calls: Pick<RemoteCalls, 'ask'>;
  readonly #timeoutMs: number;
  readonly #isSameLife: () => boolean;
  readonly #signal: AbortSignal;
  #sentBytes = 0;
  #receivedBytes = 0;

  constructor(options: {
    readonly peer: NodeId;
    readonly calls: Pick<RemoteCalls, 'ask'>;
    readonly timeoutMs: number;
    /** Whether the peer still lives the life that the session began with: the next may hold less. */
    readonly isSameLife: () => boolean;
    /** Ends whatever is asked. */
    readonly signal: AbortSignal;
  }) {
    this.peer = options.peer;
    this.#calls = options.calls;
    this.#timeoutMs = options.timeoutMs;
    this.#isSameLife = options.isSameLife;
    this.#signal = options.signal;
  }

  get sentBytes(): number {
    return this.#sentBytes;
  }

  get receivedBytes(): number {
    return this.#receivedBytes;
  }

  async partitionSums(
    partitions: readonly PartitionFloor[],
    upToMs: number | undefined,
  ): Promise<readonly PartitionState[]> {
    const timeoutMs = this.#timeoutMs;
    const reply = await this.#ask({ kind: 'partition-sums', timeoutMs, upToMs, partitions });
    if (reply.kind !== 'partition-sums' || reply.states.length !== partitions.length) {
      throw this.#nonsense('sums of other partitions');
    }
    return reply.states;
  }

  async rangeSums(ranges: readonly TokenRange[], upToMs: number | undefined): Promise<readonly VersionSum[]> {
    const reply = await this.#ask({ kind: 'range-sums', timeoutMs: this.#timeoutMs, upToMs, ranges });
    if (reply.kind !== 'range-sums' || reply.sums.length !== ranges.length) {
      throw this.#nonsense('sums of other ranges');
    }
    return reply.sums;
  }

  async versions(ranges: readonly TokenRange[]): Promise<VersionsReply> {
    const reply = await this.#ask({ kind: 'list-versions', timeoutMs: this.#timeoutMs, ranges });
    if (reply.kind !== 'versions' || !isListOf(reply.versions, ranges, reply.next)) {
      throw this.#nonsense('versions that were not asked for');
    }
    return reply;
  }

  async range(range: TokenRange): Promise<Records> {
    const reply = await this.#ask({ kind: 'fetch-range', timeoutMs: this.#timeoutMs, range });
    const isAsked =
      reply.kind === 'records' &&
      reply.records.every((record) => isInRange(record.token, range)) &&
      (reply.next === undefined ||
        (isInRange(reply.next, range) && compareTokens(reply.next, range.first) > 0));
    if (!isAsked) throw this.#nonsense('records that were not asked for');
    return reply;
  }

  async tokens(tokens: readonly Token[]): Promise<Records> {
    const reply = await this.#ask({ kind: 'fetch-tokens', timeoutMs: this.#timeoutMs, tokens });
    if (reply.kind !== 'records') throw this.#nonsense('no records');
    const asked = new Set(tokens.map(nameOf));
    const { records, next } = reply;
    const [first] = tokens;
    const isAsked =
      records.every((record) => asked.has(nameOf(record.token))) &&
      (next === undefined ||
        (asked.has(nameOf(next)) && first !== undefined && compareTokens(next, first) > 0));
    if (!isAsked) throw this.#nonsense('records that were not asked for');
    return reply;
  }

  async testify(tokens: readonly Token[]): Promise<readonly Testimony[]> {
    const reply = await this.#ask({ kind: 'testify', timeoutMs: this.#timeoutMs, tokens });
    if (reply.kind !== 'testimonies' || reply.testimonies.length !== tokens.length) {
      throw this.#nonsense('testimonies of other tokens');
    }
    return reply.testimonies;
  }

  async compareNow(session: number, partitions: readonly number[]): Promise<CompareProgress> {
    const timeoutMs = this.#timeoutMs;
    const reply = await this.#ask({ kind: 'compare-now', timeoutMs, session, partitions });
    if (reply.kind !== 'compare-progress') throw this.#nonsense('no progress');
    return reply;
  }

  async #ask(request: HealingRequest): Promise<HealingReply> {
    if (!this.#isSameLife()) {
      throw new StoreError('NOT_READY', `${this.peer} has restarted`, { retryable: true });
    }
    this.#sentBytes += healingRequestBytes(request);
    const result = await this.#askUntilAborted(request);
    switch (result.kind) {
      case 'partition-sums':
      case 'range-sums':
      case 'versions':
      case 'records':
      case 'testimonies':
      case 'compare-progress':
        this.#receivedBytes += healingReplyBytes(result);
        return result;
      case 'refused':
        throw new StoreError(result.code, `${this.peer} refuses ${request.kind}: ${result.message}`);
      case 'timeout':
      case 'unreachable':
        throw new StoreError('NOT_READY', `${this.peer} does not answer ${request.kind} (${result.kind})`, {
          retryable: true,
        });
      default:
        throw this.#nonsense(`a ${result.kind}`);
    }
  }

  /** A node that stops does not wait for an owner that is silent. */
  #askUntilAborted(request: HealingRequest): Promise<CallResult> {
    return new Promise((resolve) => {
      const onAbort = (): void => resolve({ kind: 'unreachable' });
      if (this.#signal.aborted) return onAbort();
      this.#signal.addEventListener('abort', onAbort, { once: true });
      this.#calls.ask([this.peer], request, this.#timeoutMs, (_, result) => {
        this.#signal.removeEventListener('abort', onAbort);
        resolve(result);
      });
    });
  }

  #nonsense(what: string): StoreError {
    return new StoreError('FRAME_INVALID', `${this.peer} answered with ${what}`);
  }
}

/** Whether versions ascend and lie in the ranges, below `next`, which lies in them too and is not their start. */
function isListOf(
  versions: readonly SummedVersion[],
  ranges: readonly TokenRange[],
  next: Token | undefined,
): boolean {
  if (versions.length > limits.treeVersionsPerReply) return false;
  let index = 0;
  let before: Token | undefined;
  for (const { token } of versions) {
    if (before !== undefined && compareTokens(before, token) > 0) return false;
    before = token;
    let range = ranges[index];
    while (range !== undefined && compareTokens(range.last, token) < 0) range = ranges[++index];
    if (range === undefined || !isInRange(token, range)) return false;
  }
  if (next === undefined) return true;
  const [first] = ranges;
  return (
    first !== undefined &&
    compareTokens(next, first.first) > 0 &&
    (before === undefined || compareTokens(before, next) < 0) &&
    ranges.some((range) => isInRange(next, range))
  );
}

function nameOf(token: Token): string {
  return `${token.high}.${token.low}`;
}
