/**
 * Asks the other owners about what has rotted where it was the newest version, and takes their word for it.
 *
 * Anti-entropy heals what rots by fetching the same version from another owner. A version that reached only this disk
 * nobody else has: the slot would refuse its key for ever, and win over what the others hold. So every other
 * owner is asked, all in one inquiry, what it can testify of the token; where `mayForget` allows it the
 * owners' versions take the place of the damaged one. Nothing is remembered between inquiries.
 *
 * Between noticing the damage and asking lies a request's timeout: whoever had this node's word for the version, an
 * acknowledgement or a read, has by then brought it to the other owners or has given up. It must have been damaged all that time.
 */

import { equalBytes } from '../core/bytes.ts';
import type { NodeId } from '../core/config.ts';
import { treeRange, treeRoot } from '../core/hash-tree.ts';
import { limits } from '../core/limits.ts';
import { mergeRecords } from '../core/merge.ts';
import type { StoredRecord } from '../core/record.ts';
import { compareTokens, textOfToken, type Token } from '../core/token.ts';
import { equalSums, RunningSum } from '../core/version-sum.ts';
import { sleep } from '../ports/clock.ts';
import type { Testimony } from '../protocol/healing-messages.ts';
import type { DamagedVersion, Store } from '../storage/store.ts';
import { BackgroundTask } from './background-task.ts';
import type { Coordination } from './coordination.ts';
import { mayForget } from './damage-verdict.ts';
import type { OwnedPartition } from './evidence.ts';
import { ownedPartitions } from './owned-partitions.ts';
import type { OwnerExchange } from './owner-exchange.ts';
import type { Replica } from './replica.ts';

/** How long the task sleeps while nothing is damaged. */
const idleMs = 1_000;

/** What one owner says, and the records that it said it of. */
interface Statement {
  readonly testimonies: readonly Testimony[];
  readonly records: readonly StoredRecord[];
}

export interface DamageInquiryOptions {
  readonly coordination: Pick<Coordination, 'placement' | 'config' | 'clock' | 'observer' | 'isUp'> & {
    readonly replica: Pick<Replica, 'check'>;
  };
  readonly store: Pick<Store, 'listDamaged' | 'replaceDamaged'>;
  readonly exchangeWith: (peer: NodeId, signal: AbortSignal) => Pick<OwnerExchange, 'testify' | 'tokens'>;
}

export class DamageInquiry {
  readonly #options: DamageInquiryOptions;
  readonly #owned: readonly OwnedPartition[];
  readonly #task: BackgroundTask;
  /** Inquiries in a row that ended with nothing to be done. */
  #fruitless = 0;

  constructor(options: DamageInquiryOptions) {
    this.#options = options;
    const { placement, config, clock, observer } = options.coordination;
    this.#owned = ownedPartitions(placement, config.id);
    this.#task = new BackgroundTask({
      name: 'damage-inquiry',
      clock,
      observer,
      step: (signal) => this.#step(signal),
      pauseAfterErrorMs: config.timing.antiEntropyMs,
    });
  }

  start(): void {
    this.#task.start();
  }

  async stop(): Promise<void> {
    await this.#task.stop();
  }

  /** Inquires into all that is damaged now; returns how long to wait before the next time. */
  async #step(signal: AbortSignal): Promise<number> {
    const { config, clock } = this.#options.coordination;
    const found = await this.#find();
    if (found.length === 0) {
      this.#fruitless = 0;
      return idleMs;
    }
    await sleep(clock, config.timing.requestTimeoutMs, signal);
    let replaced = 0;
    for (const { owned, damaged } of found) {
      if (signal.aborted) return 0;
      replaced += await this.#inquire(owned, damaged, signal);
    }
    this.#fruitless = replaced > 0 ? 0 : Math.min(this.#fruitless + 1, limits.healingBackoffMax);
    return Math.max(1, this.#fruitless) * config.timing.antiEntropyMs;
  }

  async #find(): Promise<{ readonly owned: OwnedPartition; readonly damaged: readonly DamagedVersion[] }[]> {
    const { store, coordination } = this.#options;
    const { partitions } = coordination.placement;
    const found: { owned: OwnedPartition; damaged: readonly DamagedVersion[] }[] = [];
    for (const owned of this.#owned) {
      const range = treeRange(treeRoot(owned.partition), partitions);
      const damaged = await store.listDamaged(range, limits.damagedPerInquiry);
      if (damaged.length > 0) found.push({ owned, damaged });
    }
    return found;
  }

  /** Returns how many versions were replaced. */
  async #inquire(
    { others }: OwnedPartition,
    damaged: readonly DamagedVersion[],
    signal: AbortSignal,
  ): Promise<number> {
    const { store, coordination } = this.#options;
    const { isUp, observer, config } = coordination;
    if (!others.every(isUp)) return 0;
    const tokens = distinct(damaged.map(({ token }) => token));
    observer.count('damage.inquiries');
    // Whoever can't be asked ends the inquiry.
    const statements = await Promise.all(others.map((owner) => this.#ask(owner, tokens, signal)));
    let replaced = 0;
    for (const version of damaged) {
      if (signal.aborted) break;
      const at = tokens.findIndex((token) => compareTokens(token, version.token) === 0);
      const testimonies = statements.map((statement) => confirmed(statement, at, version.token));
      if (!mayForget(version, testimonies, config.quorum)) continue;
      const records = statements.flatMap((statement) => ofToken(statement.records, version.token));
      if (!(await store.replaceDamaged(version, newestOfEach(records)))) continue;
      replaced++;
      observer.count('damage.replaced');
      const token = textOfToken(version.token);
      const message =
        `${config.id} can no longer read the version stamped ${version.wallMs} under token ${token}; no other owner has it and it was ` +
        'never acknowledged, so what they hold took its place. Nothing is to be done, but see whether the disk has more of this (scrub)';
      observer.log('warn', 'damage.replaced', message, { records: records.length });
    }
    return replaced;
  }

  async #ask(owner: NodeId, tokens: readonly Token[], signal: AbortSignal): Promise<Statement> {
    const exchange = this.#options.exchangeWith(owner, signal);
    const { replica } = this.#options.coordination;
    const testimonies = await exchange.testify(tokens);
    const records: StoredRecord[] = [];
    let rest = tokens;
    while (rest.length > 0) {
      const page = await exchange.tokens(rest);
      for (const record of page.records) replica.check(record, undefined);
      records.push(...page.records);
      const { next } = page;
      rest = next === undefined ? [] : rest.filter((token) => compareTokens(token, next) >= 0);
    }
    return { testimonies, records };
  }
}

/** A testimony, if what was fetched after it is just what it was about. */
function confirmed({ testimonies, records }: Statement, at: number, token: Token): Testimony | undefined {
  const testimony = testimonies[at];
  const sum = new RunningSum();
  for (const { version } of ofToken(records, token)) {
    const { wallMs, counter } = version.dot;
    sum.add({ token, wallMs, counter, checksum: version.checksum });
  }
  return testimony !== undefined && equalSums(testimony.sum, sum) ? testimony : undefined;
}

function ofToken(records: readonly StoredRecord[], token: Token): StoredRecord[] {
  return records.filter((record) => compareTokens(record.token, token) === 0);
}

/** The newest record of each key. */
function newestOfEach(records: readonly StoredRecord[]): StoredRecord[] {
  const newest: StoredRecord[] = [];
  for (const record of records) {
    const at = newest.findIndex(({ key }) => equalBytes(key, record.key));
    const known = newest[at];
    if (known === undefined) newest.push(record);
    else newest[at] = mergeRecords(known, record);
  }
  return newest;
}

/** Ascending, each once. */
function distinct(tokens: readonly Token[]): Token[] {
  return tokens.toSorted(compareTokens).filter((token, index, all) => {
    const before = all[index - 1];
    return before === undefined || compareTokens(before, token) !== 0;
  });
}
