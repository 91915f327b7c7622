/**
 * `npm run mutants`: takes every safety line out, one at a time, and shows what catches it.
 *
 * Exits with 1 when a mutant survives, does not load, or the list went stale. Otherwise what was caught is written into
 * docs/mutations.md; `npm run mutants -- --only NAME` runs those whose name contains NAME, and renews their rows.
 */

import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { judgeMutant, judgeUnchanged } from './judge-mutant.ts';
import { MutatedTree, repository } from './mutated-tree.ts';
import { mutations } from './mutation-list.ts';
import { mutationPage, type CaughtMutation } from './mutation-page.ts';

const { values } = parseArgs({ options: { only: { type: 'string', default: '' } } });
const chosen = mutations.filter((mutation) => mutation.name.includes(values.only));

process.exitCode = await main();

async function main(): Promise<number> {
  if (chosen.length === 0) {
    console.error(
      `no mutation is called ${values.only}; there are ${mutations.map(({ name }) => name).join(', ')}`,
    );
    return 2;
  }
  const tree = new MutatedTree();
  try {
    const failure = await judgeUnchanged(tree.root, chosen);
    if (failure !== '') {
      console.error(`✘ the tests do not pass as it is, so they prove nothing:\n${failure}`);
      return 1;
    }
    return await judgeAll(tree);
  } finally {
    tree.remove();
  }
}

async function judgeAll(tree: MutatedTree): Promise<number> {
  const caught: CaughtMutation[] = [];
  for (const mutation of chosen) {
    const startedMs = performance.now();
    const putBack = tree.apply(mutation);
    const judgement = await judgeMutant(tree.root, mutation);
    putBack();
    const seconds = ((performance.now() - startedMs) / 1000).toFixed(1).padStart(5);
    switch (judgement.kind) {
      case 'caught':
        caught.push({ mutation, by: judgement.by });
        console.log(`✔ ${seconds} s  ${mutation.name}: ${judgement.by}`);
        break;
      case 'survived':
        console.log(`✘ ${seconds} s  ${mutation.name} SURVIVED: nothing misses "${mutation.promise}"`);
        break;
      case 'broken':
        console.log(`✘ ${seconds} s  ${mutation.name} does not load:\n${judgement.output}`);
        break;
    }
  }
  console.log(`${caught.length} of ${chosen.length} caught`);
  if (caught.length < chosen.length) return 1;
  const file = path.join(repository, 'docs/mutations.md');
  writeFileSync(file, mutationPage(mutations, caught, readFileSync(file, 'utf8')));
  return 0;
}
