/**
 * `mini-dynamo demo`: failures, told and checked on a cluster of its own; the last on one that keeps no hints.
 *
 * The nodes are real processes with a temporary data folder and ports of their own; `./data` and a cluster
 * that runs are not touched. After a step that failed, the folder with the logs is left for a look.
 */

import { Command } from 'commander';

import { CommandFailure } from './command-failure.ts';
import { withExamples } from './command-options.ts';
import { stories, type Story } from './demo-stories.ts';
import { Steps } from './steps.ts';
import { say } from './terminal.ts';
import { ThrowawayCluster } from './throwaway-cluster.ts';

const interruptedExitCode = 130;

export const demoCommand = withExamples(
  new Command('demo')
    .description('five failure stories on real processes, in clusters of their own that are thrown away')
    .action(demo),
  [['demo', '']],
);

async function demo(): Promise<void> {
  const steps = new Steps();
  const [usual, withoutHints] = [
    stories.filter(({ hints }) => hints !== false),
    stories.filter(({ hints }) => hints === false),
  ];
  await tellOn(await ThrowawayCluster.create({ nodes: 3 }), usual, steps);
  const settings = { hintedHandoff: false };
  await tellOn(await ThrowawayCluster.create({ nodes: 3, settings }), withoutHints, steps);
  say(`\nAll ${steps.passed} steps passed.`);
}

/** Tells stories on a cluster and throws it away; after a step that failed its folder is left. */
async function tellOn(cluster: ThrowawayCluster, told: readonly Story[], steps: Steps): Promise<void> {
  const interrupt = (): void => {
    void cluster.remove().finally(() => process.exit(interruptedExitCode));
  };
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  const gap = steps.passed === 0 ? '' : '\n';
  say(`${gap}A cluster of three for this demo alone, in ${cluster.folder}.`);
  const failed = await tellAll(cluster, told, steps);
  if (failed !== undefined) {
    await cluster.kill(...cluster.ids);
    throw new CommandFailure(
      `${failed}: this step failed.\nThe logs of the nodes are in ${cluster.local.dataRoot}/<node>/node.log.`,
    );
  }
  await cluster.remove();
  process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
}

/** The title of the story that failed; undefined when all went well. */
async function tellAll(
  cluster: ThrowawayCluster,
  told: readonly Story[],
  steps: Steps,
): Promise<string | undefined> {
  const up = await steps.step('three nodes are up and ready', async () => {
    await cluster.start();
    await cluster.connected();
  });
  if (!up) return 'Start';
  for (const story of told) {
    steps.heading(story.title);
    if (!(await story.tell(cluster, steps))) return story.title;
  }
  return undefined;
}
