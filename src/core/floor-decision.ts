/**
 * How far a stability floor may rise, and why it stands still. Pure: from what members and owners said to a time or a
 * reason.
 *
 * Below the least promise of all members nobody brings a new version, and below the oldest hint nobody brings one
 * that was kept for an owner. If the owners hold the same up to there, and none of them has lost anything, then
 * what lies there is all there is, for ever.
 */

import type { NodeId } from './config.ts';
import { equalSums, type VersionSum } from './version-sum.ts';

/** What a member said, or that it said nothing. */
export type MemberAnswer =
  | {
      readonly node: NodeId;
      readonly promiseMs: number;
      readonly oldestHint: { readonly target: NodeId; readonly wallMs: number } | undefined;
      /** Partitions of which it holds records that it does not own. */
      readonly foreign: readonly number[];
    }
  | {
      readonly node: NodeId;
      readonly promiseMs: undefined;
      /** Since when it has not been heard; undefined when it never was. */
      readonly silentMs: number | undefined;
    };

export type FloorTarget =
  | { readonly kind: 'up-to'; readonly floorMs: number; readonly heldBackBy: string }
  | { readonly kind: 'blocked'; readonly reason: string };

/** How far the members let the floor rise. */
export function floorTarget(answers: readonly MemberAnswer[]): FloorTarget {
  let floorMs = Number.MAX_SAFE_INTEGER;
  let heldBackBy = '';
  for (const answer of answers) {
    if (answer.promiseMs === undefined) {
      const since = answer.silentMs === undefined ? 'not heard yet' : `down ${durationText(answer.silentMs)}`;
      return { kind: 'blocked', reason: `blocked by ${answer.node}: ${since}` };
    }
    if (answer.promiseMs < floorMs) {
      floorMs = answer.promiseMs;
      heldBackBy = `a write under way at ${answer.node}`;
    }
    const { oldestHint, node } = answer;
    if (oldestHint !== undefined && oldestHint.wallMs - 1 < floorMs) {
      floorMs = oldestHint.wallMs - 1;
      heldBackBy = `a hint of ${node} for ${oldestHint.target}`;
    }
  }
  return { kind: 'up-to', floorMs: Math.max(0, floorMs), heldBackBy };
}

/** Why a partition has to wait although its owners may agree: a member that does not own it holds records of it. */
export function foreignHolder(answers: readonly MemberAnswer[], partition: number): string {
  const holder = answers.find(
    (answer) => answer.promiseMs !== undefined && answer.foreign.includes(partition),
  );
  return holder === undefined ? '' : `blocked by ${holder.node}: holds records that it does not own`;
}

/** What an owner holds of a partition up to the floor to be; undefined when it did not say. */
export interface OwnerAnswer {
  readonly node: NodeId;
  readonly state: { readonly isComplete: boolean; readonly sum: VersionSum } | undefined;
}

/** Why the owners of a partition do not agree; empty when they do. */
export function disagreement(answers: readonly OwnerAnswer[]): string {
  const first = answers[0]?.state;
  for (const { node, state } of answers) {
    if (state === undefined || first === undefined) return `blocked by ${node}: no answer`;
    if (!state.isComplete) return `blocked by ${node}: incomplete`;
  }
  for (const { node, state } of answers) {
    if (state === undefined || first === undefined || !equalSums(state.sum, first.sum)) {
      return `blocked by ${node}: differs from ${answers[0]?.node ?? 'the others'}`;
    }
  }
  return '';
}

/** Roughly, as people say it: `3 s`, `12 min`, `4 h`, `9 d`. */
export function durationText(ms: number): string {
  const units = [
    { name: 'd', ms: 86_400_000 },
    { name: 'h', ms: 3_600_000 },
    { name: 'min', ms: 60_000 },
  ];
  const unit = units.find((each) => ms >= each.ms) ?? { name: 's', ms: 1_000 };
  return `${Math.floor(ms / unit.ms)} ${unit.name}`;
}
