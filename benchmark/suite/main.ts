/**
 * `npm run bench`: this store and whatever else the machine can run, side by side.
 *
 *   npm run bench                                          about eight minutes; the report is in benchmark/report
 *   npm run bench -- --only concurrency,nodes              these sections; the others stay as the report has them
 *   npm run bench -- --url http://127.0.0.1:8080           and a server that runs already
 */

import { join } from 'node:path';

import { writeReport } from './html/write-report.ts';
import { optionsOf, usage } from './options.ts';
import { mergedResults, readResults, writeResults } from './results-file.ts';
import { Suite } from './suite.ts';

const say = (line: string): void => void process.stdout.write(`${line}\n`);

async function main(): Promise<void> {
  const options = optionsOf(process.argv.slice(2));
  if (options.help) {
    process.stdout.write(usage);
    return;
  }
  const path = join(options.folder, 'results.json');
  const report = join(options.folder, 'index.html');
  let results = readResults(path);
  if (!options.reportOnly) {
    const suite = new Suite(options, say);
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.once(signal, () => void suite.stop().finally(() => process.exit(1)));
    }
    try {
      for await (const measured of suite.measure()) {
        results = mergedResults(results, measured);
        writeResults(path, results);
      }
    } finally {
      await suite.stop();
    }
  }
  if (results === undefined) throw new Error(`${path} is not there`);
  writeReport(report, results);
  say(`\n${path}\n${report}`);
}

await main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
