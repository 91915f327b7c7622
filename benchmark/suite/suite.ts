/** Starts the servers, sees that they answer right, and measures one section after the other. */

import { availableParallelism } from 'node:os';

import type { RunningServer } from '../server-process.ts';
import { warmUp, type Bench } from './bench.ts';
import { checkContestant } from './check-contestant.ts';
import {
  entries,
  entryOf,
  missingReason,
  versionOf,
  type Contestant,
  type RunningContestant,
} from './contestants.ts';
import { LoaderPool } from './loader-pool.ts';
import { describeCommit, describeMachine } from './machine.ts';
import type { Options } from './options.ts';
import { resultsFormat, type Results } from './results.ts';
import { sections, sectionServers } from './sections/all.ts';

const loadersMax = 4;

export class Suite {
  readonly #options: Options;
  readonly #say: (line: string) => void;
  readonly #contestants: RunningContestant[] = [];
  readonly #skipped: Results['skipped'] = [];
  /** Stopped in any case, so that nothing outlives the suite. */
  readonly #running: { stop(): Promise<void> }[] = [];

  constructor(options: Options, say: (line: string) => void) {
    this.#options = options;
    this.#say = say;
  }

  /** Hands out the results of each section as soon as it is measured. */
  async *measure(): AsyncGenerator<Results> {
    const { profile } = this.#options;
    const machine = describeMachine();
    const share = Math.min(loadersMax, Math.floor(availableParallelism() / 2));
    const loaders = new LoaderPool(this.#options.loaders ?? Math.max(1, share));
    this.#running.push({ stop: () => Promise.resolve(loaders.stop()) });
    await this.#startAll();
    const bench: Bench = {
      profile,
      contestants: this.#contestants,
      loaders,
      say: this.#say,
      canRun: (contestant) => this.#isWanted(contestant) && missingReason(contestant.program) === undefined,
      start: (start) => this.#start(start),
    };
    for (const contestant of this.#contestants) await warmUp(bench, contestant);
    for (const name of this.#options.sections) {
      this.#say(`\n${name}`);
      const measuredAt = new Date().toISOString();
      const { points, settings } = await sections[name](bench);
      const measured = new Set(points.map(({ server }) => server));
      const servers = [...this.#contestants, ...(sectionServers[name] ?? [])]
        .filter(({ id }) => measured.has(id))
        .map((contestant) => describe(contestant));
      const section = {
        measuredAt,
        commit: describeCommit(),
        profile: profile.name,
        settings: {
          ...settings,
          rounds: String(profile.rounds),
          'repeats of disturbed runs': String(profile.repeats),
          'load generators': String(loaders.count),
        },
        points,
      };
      yield {
        format: resultsFormat,
        machine,
        servers,
        skipped: this.#skipped,
        sections: { [name]: section },
      };
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.#running.splice(0).map((server) => server.stop()));
  }

  /** Starts what can run, says loudly what cannot, and throws when one of them answers wrong. */
  async #startAll(): Promise<void> {
    const { urls, pids } = this.#options;
    for (const entry of urls.length === 0 ? entries : [...entries, entryOf(urls, pids)]) {
      const wanted = entry.contestants.filter((contestant) => this.#isWanted(contestant));
      if (wanted.length === 0) continue;
      const missing = wanted.flatMap(({ name, program }) => {
        const reason = missingReason(program);
        return reason === undefined ? [] : [{ name, reason }];
      });
      for (const { name, reason } of missing) this.#say(`SKIPPED: ${name}: ${reason}`);
      this.#skipped.push(...missing);
      if (missing.length > 0) continue;
      const server = await this.#start(() => entry.start());
      for (const contestant of wanted) await this.#admit({ ...contestant, server });
    }
    if (this.#contestants.length === 0) throw new Error('no server to measure');
  }

  async #admit(contestant: RunningContestant): Promise<void> {
    const problems = await checkContestant(contestant);
    if (problems.length > 0) throw new Error(`wrong answers, nothing is measured:\n${problems.join('\n')}`);
    this.#say(`${contestant.name}: answers are right`);
    this.#contestants.push(contestant);
  }

  async #start(start: () => Promise<RunningServer>): Promise<RunningServer> {
    const server = await start();
    this.#running.push(server);
    return server;
  }

  #isWanted({ program }: Contestant): boolean {
    return this.#options.programs.has(program);
  }
}

function describe({ id, name, about, program }: Contestant): Results['servers'][number] {
  return { id, name, about, version: versionOf(program) ?? '' };
}
