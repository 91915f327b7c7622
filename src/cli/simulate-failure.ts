/**
 * What `simulate` says of a seed that broke a promise: the seed is run again with somebody listening, and since
 * one seed is one history, the story is what happened.
 */

import { inMacrotask } from '../sim/drain.ts';
import { Narrator } from '../sim/narrator.ts';
import { judgeSeed } from '../sim/seed-verdict.ts';
import type { SwarmPlan } from '../sim/swarm-plan.ts';
import type { SeedReport } from './seed-runner.ts';

/** Lines of the story that are told: its end is where the promise broke. */
const storyLines = 150;

/** The seed, the first broken promise, the story of its key and how to run it again. */
export async function describeFailure(parameters: {
  readonly failure: SeedReport;
  /** Where the plan is not the one that the seed draws. */
  readonly plan: SwarmPlan | undefined;
  readonly options: { readonly key?: string; readonly scenario?: string };
}): Promise<string> {
  const { failure, plan, options } = parameters;
  const { seed, broken, traceHash } = failure;
  const first = broken[0];
  const key = options.key ?? broken.find((one) => one.key !== undefined)?.key;
  const source = options.scenario === undefined ? '' : ` under ${options.scenario}`;
  const about = first?.key === undefined ? '' : ` for ${first.key}`;
  const lines = [`\n✘ seed ${seed}${source} breaks ${first?.promise}${about}: ${first?.message}`];
  if (broken.length > 1) lines.push(`  and ${broken.length - 1} more`);
  // A run that does not end would not end here either.
  if (traceHash !== '' || first?.message.includes('did not end within') !== true) {
    const narrator = new Narrator(new TextEncoder().encode(key ?? ''));
    const again = await inMacrotask(() => judgeSeed(seed, { plan, narrator }));
    lines.push(`\nThe story of ${key ?? 'the nodes'}, its last ${storyLines} lines:`);
    lines.push(...narrator.lines.slice(-storyLines));
    if (again.traceHash !== traceHash) {
      lines.push('The second run went another way: the seed is not one history.');
    }
  }
  const scenario = options.scenario === undefined ? '' : ` --scenario ${quoted(options.scenario)}`;
  const story = key === undefined ? '' : ` --key ${quoted(key)}`;
  lines.push(
    `\nRun it again:     npx mini-dynamo simulate --seed ${seed}${scenario}${story}`,
    `Its scenario:     npx mini-dynamo simulate --seed ${seed}${scenario} --print`,
    `All that happens: npx mini-dynamo simulate --seed ${seed}${scenario} --trace run.jsonl`,
    `Make it smaller:  npx mini-dynamo simulate --seed ${seed}${scenario} --shrink small.json`,
  );
  return lines.join('\n');
}

/** For a command line, when it needs to be. */
function quoted(text: string): string {
  return /^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
