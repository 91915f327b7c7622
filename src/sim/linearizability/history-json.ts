/**
 * A history as JSON, so that a checker outside of this codebase (Porcupine, say) can judge it too.
 *
 *   { "format": "mini-dynamo-history", "version": 1, "operations": [
 *     { "id": 7, "client": 2, "node": "n1", "key": "key-0",
 *       "call": 1200, "return": 1950,                       microseconds of the run; null: no answer
 *       "input":  { "kind": "put", "value": "7", "context": null },
 *       "output": { "kind": "stored", "dot": "1893456000001-0-n1.k3f9xa" } }, … ] }
 *
 * Inputs are `get`, `put` and `delete`; outputs `stored`, `unknown`, `refused`, `found` (with value and dot),
 * `missing` (with the tombstone's dot, or null), `unavailable`, `lost` and `not-sent`. A value is named by the
 * id of the put that wrote it. A write whose output is `unknown` or `lost` may have taken effect, or do so
 * later; after `refused` or `not-sent` it never will. A client does one operation after the other, and none
 * after a write that may still take effect, as checkers demand.
 */

import { formatDot } from '../../core/dot.ts';
import { isWrite, type Operation } from '../history.ts';
import { writerOf } from '../unique-value.ts';

/** One line an operation; the same history gives the same text. */
export function historyJson(operations: readonly Operation[]): string {
  const clients = clientsOf(operations);
  const lines = operations.map((operation) =>
    JSON.stringify({
      id: operation.id,
      client: clients.get(operation.id),
      node: operation.node,
      key: operation.key,
      call: operation.startMicros,
      return: operation.end?.micros ?? null,
      input: inputOf(operation),
      output: outputOf(operation),
    }),
  );
  return `{"format":"mini-dynamo-history","version":1,"operations":[\n${lines.join(',\n')}\n]}\n`;
}

/** Gives each operation to the first client that is free when it starts. */
function clientsOf(operations: readonly Operation[]): Map<number, number> {
  const freeFromMicros: number[] = [];
  const clients = new Map<number, number>();
  for (const operation of operations) {
    const free = freeFromMicros.findIndex((micros) => micros < operation.startMicros);
    const client = free < 0 ? freeFromMicros.length : free;
    freeFromMicros[client] = mayStillTakeEffect(operation)
      ? Number.POSITIVE_INFINITY
      : (operation.end?.micros ?? Number.POSITIVE_INFINITY);
    clients.set(operation.id, client);
  }
  return clients;
}

function mayStillTakeEffect(operation: Operation): boolean {
  const kind = operation.end?.outcome.kind;
  return isWrite(operation) && (kind === 'unknown' || kind === 'lost');
}

function inputOf(operation: Operation): Readonly<Record<string, string | null>> {
  if (operation.kind === 'get') return { kind: 'get' };
  const context = operation.context === undefined ? null : formatDot(operation.context);
  if (operation.kind === 'delete') return { kind: 'delete', context };
  return { kind: 'put', value: String(operation.id), context };
}

function outputOf(operation: Operation): Readonly<Record<string, string | null>> | null {
  const outcome = operation.end?.outcome;
  if (outcome === undefined) return null;
  switch (outcome.kind) {
    case 'stored':
    case 'unknown':
      return { kind: outcome.kind, dot: formatDot(outcome.dot) };
    case 'found': {
      const { value, dot } = outcome.version;
      const writer = writerOf(value);
      return { kind: 'found', value: writer === undefined ? null : String(writer), dot: formatDot(dot) };
    }
    case 'missing':
      return { kind: 'missing', dot: outcome.digest === undefined ? null : formatDot(outcome.digest.dot) };
    case 'refused':
    case 'unavailable':
      return { kind: outcome.kind, code: outcome.code };
    default:
      return { kind: outcome.kind };
  }
}
