import { storeContract } from '../storage/store-contract.ts';
import { ClassicLevelHarness } from './classic-level-harness-contract.ts';

storeContract('classic-level', () => ClassicLevelHarness.create());
