/**
 * Lists the make targets with what they do and the npm script of the same name, from the `##` comments
 * in the Makefile. Needs nothing installed and any Node, since it is what one runs first.
 */

import { readFileSync } from 'fs';

const makefile = readFileSync(new URL('../Makefile', import.meta.url), 'utf8');
const targets = [];
const pattern = /^([\w%-]+):.*?## (.+)$/gm;
for (let match = pattern.exec(makefile); match !== null; match = pattern.exec(makefile)) {
  targets.push({ name: match[1], does: match[2] });
}

console.log('mini-dynamo\n');
for (const { name, does } of targets) {
  const shown = name.replace('%', 'n2');
  const script = name.includes('-%') ? `${name.replace('-%', '')} n2` : name;
  console.log(`  make ${shown.padEnd(12)} npm run ${script.padEnd(12)} ${does}`);
}
console.log('\nWithout make, run "npm ci --ignore-scripts" once before the first npm script.');
