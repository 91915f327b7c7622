/**
 * A load generator: a process of its own, so that what it costs is told apart and more than one can be had.
 *
 * It takes one job after the other from its parent and ends with it. Code that was compiled for one job is warm for the
 * next.
 */

import { fill } from './fill.ts';
import type { FillReport, FillSpec, LoadReport, LoadSpec } from './load-spec.ts';
import { runLoad } from './run-load.ts';

export type LoaderJob =
  { readonly kind: 'load'; readonly spec: LoadSpec } | { readonly kind: 'fill'; readonly spec: FillSpec };

export type LoaderReply =
  | { readonly kind: 'load'; readonly report: LoadReport }
  | { readonly kind: 'fill'; readonly report: FillReport }
  | { readonly kind: 'failed'; readonly message: string };

async function work(job: LoaderJob): Promise<LoaderReply> {
  try {
    if (job.kind === 'load') return { kind: 'load', report: await runLoad(job.spec) };
    return { kind: 'fill', report: await fill(job.spec) };
  } catch (error) {
    return { kind: 'failed', message: error instanceof Error ? error.message : String(error) };
  }
}

process.on('message', (job: LoaderJob) => {
  void work(job).then((reply) => process.send?.(reply));
});
process.on('disconnect', () => process.exit(0));
