import { testClockContract } from '../ports/clock-contract.ts';
import { inMacrotask } from './drain.ts';
import { ProcessScope } from './process-scope.ts';
import { SimClock, SimClockHardware } from './sim-clock.ts';
import { simulate } from './simulation.ts';

for (const driftPerMillion of [0, -500, 500]) {
  testClockContract(`simulated clock, drift ${driftPerMillion}`, async (body) => {
    await inMacrotask(() =>
      simulate({ seed: 1 }, async ({ scheduler, random }) => {
        const hardware = new SimClockHardware({ scheduler, driftPerMillion });
        const scope = new ProcessScope('n1', scheduler);
        await body(new SimClock({ hardware, scheduler, random, scope }));
      }),
    );
  });
}
