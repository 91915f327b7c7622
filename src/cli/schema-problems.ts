/**
 * What zod found wrong with a file, as sentences: the field, the value that it has, and what is allowed.
 *
 * Schemas carry what is allowed as "must be …", so that a problem always reads
 * `nodes[1].addr is "x", but must be host:port, …`.
 */

import type { z } from 'zod';

/** One sentence for each problem; unknown fields are one problem each. `fieldsAt` names the fields of an object. */
export function problemsOf(
  raw: unknown,
  error: z.ZodError,
  fieldsAt: (path: readonly PropertyKey[]) => readonly string[],
): string[] {
  return error.issues.flatMap((issue) => {
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => {
        const field = formatPath([...issue.path, key]);
        return `${field} is not a setting here; allowed are ${fieldsAt(issue.path).join(', ')}`;
      });
    }
    const value = valueAt(raw, issue.path);
    const field = issue.path.length === 0 ? 'the file' : formatPath(issue.path);
    if (value === undefined) return [`${field} is missing; it ${issue.message}`];
    return [`${field} is ${shorten(JSON.stringify(value))}, but ${issue.message}`];
  });
}

function valueAt(raw: unknown, path: readonly PropertyKey[]): unknown {
  let value: unknown = raw;
  for (const step of path) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = Object.getOwnPropertyDescriptor(value, step)?.value;
  }
  return value;
}

function formatPath(path: readonly PropertyKey[]): string {
  return path
    .map((step, index) => (typeof step === 'number' ? `[${step}]` : named(String(step), index)))
    .join('');
}

function named(field: string, index: number): string {
  if (!/^[A-Za-z0-9_-]+$/.test(field)) return `[${shorten(JSON.stringify(field))}]`;
  return index === 0 ? field : `.${field}`;
}

function shorten(text: string): string {
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}
