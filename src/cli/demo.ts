/**
 * `mini-dynamo demo`: four failures, told and checked on a cluster of its own.
 *
 * The nodes are real processes with a temporary data folder and ports of their own; `./data` and a cluster
 * that runs are not touched. After a step that failed, the folder with the logs is left for a look.
 */

import { Command } from 'commander';

import { CommandFailure } from './command-failure.ts';
import { withExamples } from './command-options.ts';
import { stories } from './demo-stories.ts';
import { Steps } from './steps.ts';
import { say } from './terminal.ts';
import { ThrowawayCluster } from './throwaway-cluster.ts';

const interruptedExitCode = 130;

export const demoCommand = withExamples(
  new Command('demo')
    .description('four failure stories on real processes, in a cluster of its own that is thrown away')
    .action(demo),
  [['demo', '']],
);

async function demo(): Promise<void> {
  const cluster = await ThrowawayCluster.create({ nodes: 3 });
  const interrupt = (): void => {
    void cluster.remove().finally(() => process.exit(interruptedExitCode));
  };
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  const steps = new Steps();
  say(`A cluster of three for this demo alone, in ${cluster.folder}.`);
  const failed = await tellAll(cluster, steps);
  if (failed !== undefined) {
    await cluster.kill(...cluster.ids);
    throw new CommandFailure(
      `${failed}: this step failed.\nThe logs of the nodes are in ${cluster.local.dataRoot}/<node>/node.log.`,
    );
  }
  await cluster.remove();
  say(`\nAll ${steps.passed} steps passed.`);
}

/** The title of the story that failed; undefined when all went well. */
async function tellAll(cluster: ThrowawayCluster, steps: Steps): Promise<string | undefined> {
  const up = await steps.step('three nodes are up and ready', async () => {
    await cluster.start();
    await cluster.connected();
  });
  if (!up) return 'Start';
  for (const story of stories) {
    steps.heading(story.title);
    if (!(await story.tell(cluster, steps))) return story.title;
  }
  return undefined;
}
