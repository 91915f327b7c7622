import { testDiskContract } from '../ports/disk-contract.ts';
import { SimDisk } from './sim-disk.ts';

testDiskContract('simulated disk', (body) => body(new SimDisk()));
