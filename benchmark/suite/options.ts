/** What the command line of `npm run bench` says. */

import { join } from 'node:path';
import { parseArgs } from 'node:util';

import type { Program } from './contestants.ts';
import { profiles, type Profile } from './profile.ts';
import { sectionNames, type SectionName } from './results.ts';

const programs: readonly Program[] = ['store', 'redis', 'etcd', 'url'];

export const usage = `Usage: npm run bench -- [options]
  --quick              under a minute, and figures that mean nothing: whether all works
  --full               an hour: up to 5 million keys and 9 nodes
  --only <a,b,…>       sections: ${sectionNames.join(', ')}
  --servers <a,b,…>    of ${programs.join(', ')} (default: all that there are)
  --url <url>          a server with /kv/<key> that runs already; again for each of its nodes
  --pids <a,b,…>       its processes, for what it costs
  --repeats <n>        how often a run is repeated that other programs disturbed (default 1)
  --loaders <n>        processes that make load (default: one for two cores, up to 4)
  --out <folder>       for results.json and index.html (default benchmark/report)
  --report-only        make index.html anew from results.json
`;

export interface Options {
  readonly profile: Profile;
  readonly sections: readonly SectionName[];
  readonly programs: ReadonlySet<Program>;
  readonly urls: readonly URL[];
  readonly pids: readonly number[];
  /** Undefined for as many as the machine suggests. */
  readonly loaders: number | undefined;
  readonly folder: string;
  readonly reportOnly: boolean;
  readonly help: boolean;
}

/** Throws for what cannot be meant. */
export function optionsOf(words: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...words],
    options: {
      quick: { type: 'boolean', default: false },
      full: { type: 'boolean', default: false },
      only: { type: 'string', default: sectionNames.join(',') },
      servers: { type: 'string', default: programs.join(',') },
      url: { type: 'string', multiple: true, default: [] },
      pids: { type: 'string', default: '' },
      loaders: { type: 'string' },
      repeats: { type: 'string' },
      out: { type: 'string', default: join(import.meta.dirname, '..', 'report') },
      'report-only': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.quick && values.full) throw new Error('--quick or --full, not both');
  const profile = profiles[values.quick ? 'quick' : values.full ? 'full' : 'default'];
  return {
    profile: values.repeats === undefined ? profile : { ...profile, repeats: repeatsOf(values.repeats) },
    sections: chosen('--only', values.only, sectionNames),
    programs: new Set(chosen('--servers', values.servers, programs)),
    urls: values.url.map((text) => new URL(text)),
    pids: wordsOf(values.pids).map((text) => count('--pids', text)),
    loaders: values.loaders === undefined ? undefined : count('--loaders', values.loaders),
    folder: values.out,
    reportOnly: values['report-only'],
    help: values.help,
  };
}

function wordsOf(text: string): readonly string[] {
  return text.split(',').filter((word) => word !== '');
}

function chosen<T extends string>(option: string, text: string, known: readonly T[]): readonly T[] {
  return wordsOf(text).map((word) => {
    const found = known.find((each) => each === word);
    if (found === undefined) throw new Error(`${option} ${word}: one of ${known.join(', ')}`);
    return found;
  });
}

function repeatsOf(text: string): number {
  return text === '0' ? 0 : count('--repeats', text);
}

function count(option: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new Error(`${option} ${text}: a whole number from 1 on`);
  return value;
}
