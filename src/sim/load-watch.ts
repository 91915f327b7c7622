/**
 * Looks at what is under way in every node now and then, for the checker that nothing piles up.
 *
 * Of each figure only the greatest is kept, so that watching costs no memory of its own.
 */

import type { LoadSample } from './checkers/nothing-piles-up.ts';
import type { NodeLoad } from './node-load.ts';
import type { SimCluster } from './sim-cluster.ts';
import type { World } from './simulation.ts';

const watchMicros = 200_000;
const figures: readonly (keyof NodeLoad)[] = [
  'requests',
  'calls',
  'timers',
  'openFiles',
  'waiting',
  'hintBytes',
  'logBytes',
  'segments',
];

export class LoadWatch {
  readonly #world: World;
  readonly #cluster: SimCluster;
  readonly #greatest = new Map<string, LoadSample>();
  #stopped = false;

  constructor(options: { readonly world: World; readonly cluster: SimCluster }) {
    this.#world = options.world;
    this.#cluster = options.cluster;
  }

  /** For each node and figure the sample in which it was greatest. */
  get samples(): LoadSample[] {
    return [...this.#greatest.values()];
  }

  /** Watches until `stop`. */
  async run(): Promise<void> {
    while (!this.#stopped) {
      for (const sample of this.look()) this.#keep(sample);
      await this.#world.sleep(watchMicros);
    }
  }

  stop(): void {
    this.#stopped = true;
  }

  /** What is under way now, in every node that serves. */
  look(): LoadSample[] {
    const micros = this.#world.scheduler.nowMicros;
    return this.#cluster.nodes.flatMap(({ id, load }) =>
      load === undefined ? [] : [{ node: id, micros, load }],
    );
  }

  #keep(sample: LoadSample): void {
    for (const figure of figures) {
      const known = this.#greatest.get(`${sample.node} ${figure}`);
      if (known !== undefined && known.load[figure] >= sample.load[figure]) continue;
      this.#greatest.set(`${sample.node} ${figure}`, sample);
    }
  }
}
