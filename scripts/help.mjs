/**
 * Lists the make targets with what they do and the npm script of the same name, from the `##` comments
 * in the Makefile. Needs nothing installed and any Node, since it is what one runs first.
 */

import { readFileSync } from 'node:fs';

const makefile = readFileSync(new URL('../Makefile', import.meta.url), 'utf8');
console.log('mini-dynamo\n');
for (const [, name = '', does = ''] of makefile.matchAll(/^([\w%-]+):.*?## (.+)$/gm)) {
  const script = name.replace('-%', ' n2');
  console.log(`  make ${name.replace('%', 'n2').padEnd(12)} npm run ${script.padEnd(12)} ${does}`);
}
console.log('\nWithout make, run "npm ci" once before the first npm script.');
