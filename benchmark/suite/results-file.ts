/** Reads, merges and writes the results. Sections that were measured now replace those that the file has. */

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

import { resultsSchema, type Results } from './results.ts';

/** The results of a file; undefined where there is none. Throws for a file of another format. */
export function readResults(path: string): Results | undefined {
  if (!existsSync(path)) return undefined;
  const parsed = resultsSchema.safeParse(JSON.parse(readFileSync(path, 'utf8')));
  if (parsed.success) return parsed.data;
  throw new Error(`${path} is no results file of this format: ${parsed.error.issues[0]?.message ?? ''}`);
}

/** Both as one. Throws when they are of different machines: their figures must not stand side by side. */
export function mergedResults(before: Results | undefined, now: Results): Results {
  if (before === undefined) return now;
  if (before.machine.cpu !== now.machine.cpu || before.machine.cores !== now.machine.cores) {
    throw new Error('the results before are of another machine: write to another folder with --out');
  }
  const servers = new Map([...before.servers, ...now.servers].map((server) => [server.id, server]));
  const measured = new Set(Array.from(servers.values(), ({ name }) => name));
  const skipped = new Map([...before.skipped, ...now.skipped].map((server) => [server.name, server]));
  return {
    ...now,
    servers: [...servers.values()],
    skipped: [...skipped.values()].filter(({ name }) => !measured.has(name)),
    sections: { ...before.sections, ...now.sections },
  };
}

/** Writes what the schema allows, and nothing else. One line for each point keeps differences readable. */
export function writeResults(path: string, results: Results): void {
  const checked = resultsSchema.parse(results);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, resultsText(checked));
}

function resultsText(results: Results): string {
  const sections = Object.entries(results.sections).map(([name, { points, ...rest }]) => {
    const lines = points.map((point) => `        ${JSON.stringify(point)}`).join(',\n');
    const head = JSON.stringify(rest).slice(1, -1);
    return `    ${JSON.stringify(name)}: {\n      ${head},\n      "points": [\n${lines}\n      ]\n    }`;
  });
  const { sections: _, ...head } = results;
  const text = JSON.stringify(head, undefined, 2).slice(0, -2);
  return `${text},\n  "sections": {\n${sections.join(',\n')}\n  }\n}\n`;
}
