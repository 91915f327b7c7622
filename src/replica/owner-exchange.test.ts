import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { NodeId } from '../core/config.ts';
import { crc32 } from '../core/crc32.ts';
import { encodeRecord, type StoredRecord } from '../core/record.ts';
import { tokenAfter, type Token, type TokenRange } from '../core/token.ts';
import type { SummedVersion } from '../core/version-sum.ts';
import type { HealingRequest, RecordsReply, VersionsReply } from '../protocol/healing-messages.ts';
import { OwnerExchange } from './owner-exchange.ts';
import type { CallResult } from './remote-calls.ts';

const n2 = 'n2' as NodeId;

/** An exchange whose peer answers so; undefined is silence. */
function exchangeOf(
  answer: CallResult | undefined,
  options: { isSameLife?: () => boolean; signal?: AbortSignal } = {},
): { readonly exchange: OwnerExchange; readonly asked: HealingRequest['kind'][] } {
  const asked: HealingRequest['kind'][] = [];
  const exchange = new OwnerExchange({
    peer: n2,
    calls: {
      ask: (_peers, request, _timeoutMs, onResult) => {
        asked.push(request.kind as HealingRequest['kind']);
        if (answer !== undefined) onResult(n2, answer);
      },
    },
    timeoutMs: 100,
    isSameLife: options.isSameLife ?? (() => true),
    signal: options.signal ?? new AbortController().signal,
  });
  return { exchange, asked };
}

const refused = { code: 'FRAME_INVALID' };
const token = (high: number): Token => ({ high, low: 0 });
const range = (first: number, last: number): TokenRange => ({ first: token(first), last: token(last) });
const version = (high: number): SummedVersion => ({
  ...{ token: token(high), wallMs: 1, counter: 0, checksum: 0 },
});
const listed = (versions: number[], next?: number): VersionsReply => ({
  kind: 'versions',
  versions: versions.map(version),
  next: next === undefined ? undefined : token(next),
});

function recordOf(key: string): StoredRecord {
  const dot = { wallMs: 1, counter: 0, actor: 'n2.a' };
  return encodeRecord({ key: new TextEncoder().encode(key), dot }, crc32);
}

describe('an owner that answers nonsense is refused', () => {
  test('a reply of another kind, or a number of sums that was not asked for', async () => {
    const sum = { high: 0, low: 0, count: 0 };
    const state = { completeness: 'complete' as const, floorMs: 0, sum };
    const one = [{ partition: 1, floorMs: 0 }];
    await assert.rejects(exchangeOf({ kind: 'stored' }).exchange.partitionSums(one, undefined), refused);
    await assert.rejects(
      exchangeOf({ kind: 'partition-sums', states: [state, state] }).exchange.partitionSums(one, undefined),
      refused,
    );
    await assert.rejects(
      exchangeOf({ kind: 'range-sums', sums: [] }).exchange.rangeSums([range(1, 2)], undefined),
      refused,
    );
    await assert.rejects(exchangeOf({ kind: 'range-sums', sums: [sum] }).exchange.compareNow(1, []), refused);
    const { exchange } = exchangeOf({ kind: 'range-sums', sums: [sum] });
    assert.deepEqual(await exchange.rangeSums([range(1, 2)], undefined), [sum]);
  });

  test('a list that is out of order, out of range, or does not move on', async () => {
    const ranges = [range(10, 19), range(30, 39)];
    const nonsense = [
      listed([11, 10]),
      listed([9]),
      listed([20]),
      listed([40]),
      listed([31, 12]),
      listed([], 10),
      listed([], 25),
      listed([12], 12),
      listed([12], 11),
      listed([12], 40),
    ];
    for (const reply of nonsense) {
      await assert.rejects(exchangeOf(reply).exchange.versions(ranges), refused, JSON.stringify(reply));
    }
    for (const reply of [listed([]), listed([10, 10, 19, 30, 39]), listed([12], 13), listed([], 30)]) {
      assert.deepEqual(await exchangeOf(reply).exchange.versions(ranges), reply);
    }
  });

  test('records of another range, and a page that does not move on', async () => {
    const record = recordOf('a');
    const { high, low } = record.token;
    const around: TokenRange = { first: { high, low: 0 }, last: { high, low: 0xffff_ffff } };
    const after = tokenAfter({ high, low });
    const reply = (next: Token | undefined): RecordsReply => ({ kind: 'records', records: [record], next });
    await assert.rejects(exchangeOf(reply(undefined)).exchange.range(range(1, 2)), refused);
    await assert.rejects(exchangeOf(reply(around.first)).exchange.range(around), refused);
    await assert.rejects(exchangeOf(reply(tokenAfter(around.last))).exchange.range(around), refused);
    assert.equal((await exchangeOf(reply(after)).exchange.range(around)).next, after);
  });

  test('records of other tokens, and a page that does not move on', async () => {
    const [one, other] = [recordOf('a'), recordOf('b')];
    const reply = (next?: Token): RecordsReply => ({ kind: 'records', records: [one], next });
    await assert.rejects(exchangeOf(reply()).exchange.tokens([other.token]), refused);
    await assert.rejects(exchangeOf(reply(one.token)).exchange.tokens([one.token]), refused);
    await assert.rejects(exchangeOf(reply(other.token)).exchange.tokens([one.token]), refused);
    assert.deepEqual((await exchangeOf(reply()).exchange.tokens([one.token])).records, [one]);
  });
});

test('a refusal keeps its code, silence is retryable', async () => {
  const refusal = { kind: 'refused', code: 'NOT_OWNER', message: 'no' } as const;
  await assert.rejects(exchangeOf(refusal).exchange.compareNow(1, []), { code: 'NOT_OWNER' });
  for (const kind of ['timeout', 'unreachable'] as const) {
    await assert.rejects(exchangeOf({ kind }).exchange.compareNow(1, []), {
      code: 'NOT_READY',
      retryable: true,
    });
  }
});

test('a peer that has restarted is asked nothing more: its next life may hold less', async () => {
  const { exchange, asked } = exchangeOf({ kind: 'range-sums', sums: [] }, { isSameLife: () => false });
  await assert.rejects(exchange.rangeSums([], undefined), { code: 'NOT_READY' });
  assert.deepEqual(asked, []);
});

test('a node that stops waits for no answer', async () => {
  const abort = new AbortController();
  const { exchange, asked } = exchangeOf(undefined, { signal: abort.signal });
  const answer = exchange.compareNow(1, []);
  abort.abort();
  await assert.rejects(answer, { code: 'NOT_READY' });
  await assert.rejects(exchange.compareNow(2, []), { code: 'NOT_READY' });
  assert.deepEqual(asked, ['compare-now']);
});

test('what goes over the wire is counted', async () => {
  const { exchange } = exchangeOf({ kind: 'compare-progress', state: 'done', compared: 1, fetched: 0 });
  await exchange.compareNow(1, [3]);
  assert.deepEqual([exchange.sentBytes, exchange.receivedBytes], [24 + 12, 24 + 9]);
});
