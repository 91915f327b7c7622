/**
 * Whether a `classic-level` store may miss what was acknowledged, and why: one row, written at the first start.
 *
 * The row holds one word: a cause of `EvidenceCause`, or `whole`. A database without it is one of an earlier version
 * if it holds anything, and a new one if it does not; any other word counts as `damaged`. Damage that is met
 * later counts until the next start, which meets it again; only bytes that LevelDB dropped from its log are gone by
 * then, so these are noted in the row.
 */

import type { EvidenceCause } from '../storage/store.ts';
import type { DamageList } from './classic-level-damage.ts';
import type { ClassicLevelDatabase } from './classic-level-database.ts';
import { evidenceRow } from './classic-level-rows.ts';
import type { ClassicLevelWriter } from './classic-level-writer.ts';

const whole = 'whole';
const causes: readonly EvidenceCause[] = ['fresh', 'lost', 'rolled-back', 'damaged'];

interface EvidenceParts {
  readonly database: ClassicLevelDatabase;
  readonly writer: ClassicLevelWriter;
  readonly damage: DamageList;
}

/** Reads the row, and writes what is found out at this start. */
export async function openEvidence(parts: EvidenceParts): Promise<ClassicLevelEvidence> {
  const { database, damage } = parts;
  const value = await database.read((native) => native.get(evidenceRow));
  const word = value === undefined ? whole : new TextDecoder().decode(value);
  const noted = word === whole ? false : (causes.find((cause) => cause === word) ?? 'damaged');
  const evidence = new ClassicLevelEvidence(parts, noted);
  const isEmpty = (await database.read((native) => native.keys({ limit: 1 }).all())).length === 0;
  if (damage.hasLost) await evidence.lose('damaged');
  else if (isEmpty) await evidence.lose('fresh');
  return evidence;
}

export class ClassicLevelEvidence {
  readonly #parts: EvidenceParts;
  #noted: false | EvidenceCause;

  constructor(parts: EvidenceParts, noted: false | EvidenceCause) {
    this.#parts = parts;
    this.#noted = noted;
  }

  get lost(): false | EvidenceCause {
    if (this.#noted !== false && this.#noted !== 'fresh') return this.#noted;
    return this.#parts.damage.hasLost ? 'damaged' : this.#noted;
  }

  /** See `Store.loseEvidence`. */
  async lose(cause: EvidenceCause): Promise<void> {
    if (this.#noted === cause || (this.#noted !== false && this.#noted !== 'fresh')) return;
    await this.#write(cause);
    this.#noted = cause;
  }

  /** See `Store.restoreEvidence`. */
  async restore(): Promise<void> {
    await this.#write(whole);
    this.#noted = false;
    this.#parts.damage.restoreEvidence();
  }

  async #write(word: string): Promise<void> {
    await this.#parts.writer.putRow({ row: evidenceRow, value: new TextEncoder().encode(word) });
  }
}
