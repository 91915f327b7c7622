/** `/debug/why`: what each member holds of one key, what is on its way, and how it came there. */

import type { KeyTrace, TracedNode } from '../replica/key-trace.ts';
import type { TracedCopy } from '../protocol/key-trace-messages.ts';
import { compareVersions } from '../core/merge.ts';
import type { VersionDigest } from '../core/record.ts';
import { textOfToken } from '../core/token.ts';
import { digestJsonOf, keyFieldsOf } from './inspection-json.ts';

export function whyJson(key: Uint8Array, trace: KeyTrace): Record<string, unknown> {
  const { token, partition, nodes, newest, isLevel, wallMs } = trace;
  return {
    ...keyFieldsOf(key),
    token: textOfToken(token),
    partition,
    level: isLevel,
    newest: newest === undefined ? null : digestJsonOf(newest),
    owners: nodes.filter(({ role }) => role === 'owner').map(({ id }) => id),
    fallbacks: nodes.filter(({ role }) => role === 'fallback').map(({ id }) => id),
    nodes: nodes.map((node) => nodeJson(node, newest, wallMs)),
    hints: nodes.flatMap(({ id, answer }) =>
      (answer?.hints ?? []).map(({ target, copy }) => ({
        holder: id,
        target,
        ...copyJson(copy, newest, wallMs),
      })),
    ),
  };
}

function nodeJson(
  node: TracedNode,
  newest: VersionDigest | undefined,
  nowWallMs: number,
): Record<string, unknown> {
  const { id, role, state, message, answer } = node;
  return {
    id,
    role,
    state,
    message,
    witness: answer?.isWitness ?? null,
    failure: answer?.failure ?? null,
    copy: answer?.copy === undefined ? null : copyJson(answer.copy, newest, nowWallMs),
  };
}

function copyJson(
  { digest, valueBytes, arrival }: TracedCopy,
  newest: VersionDigest | undefined,
  nowWallMs: number,
): Record<string, unknown> {
  return {
    ...digestJsonOf(digest),
    bytes: valueBytes,
    newest: newest !== undefined && compareVersions(digest, newest) === 0,
    // Null: it was on the disk when the node started, or came too long ago to be remembered.
    arrived:
      arrival === undefined
        ? null
        : {
            path: arrival.path,
            from: arrival.from,
            ago_ms: Math.max(0, Math.round(nowWallMs - arrival.atWallMs)),
          },
  };
}
