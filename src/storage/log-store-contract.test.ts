/** The store contract on the log engine. */

import { LogStoreHarness } from './log-store-harness-contract.ts';
import { storeContract } from './store-contract.ts';

storeContract('log', async () => await Promise.resolve(new LogStoreHarness()));

// Segments and checkpoints so small that every test goes through several of each.
storeContract(
  'log in small segments',
  async () => await Promise.resolve(new LogStoreHarness({ segmentBytesMax: 4_096 })),
);
