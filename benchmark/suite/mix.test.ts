import assert from 'node:assert/strict';
import { test } from 'node:test';

import { kindOf, workloads, type Mix } from './mix.ts';

for (const [name, mix] of Object.entries(workloads) as readonly (readonly [string, Mix])[]) {
  test(`workload ${name}: kinds are drawn in their shares`, () => {
    const draws = 10_000;
    const counts = new Map<string, number>();
    for (let draw = 0; draw < draws; draw++) {
      const kind = kindOf(mix, draw / draws);
      counts.set(kind, (counts.get(kind) ?? 0) + 1);
    }
    const shares = Object.fromEntries(Array.from(counts, ([kind, count]) => [kind, count / draws]));
    assert.deepEqual(shares, mix.shares);
  });
}
