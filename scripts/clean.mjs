/** Removes what was built or left behind by tests; what a local cluster stored is data and stays. */

import { rmSync } from 'node:fs';

for (const folder of ['dist', '.tmp']) {
  rmSync(new URL(`../${folder}`, import.meta.url), { recursive: true, force: true });
}
