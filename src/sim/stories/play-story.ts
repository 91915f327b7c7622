/**
 * Plays a golden story on a simulated cluster of real nodes and writes down what every command answered.
 *
 * One story is one run from one seed, so the same text comes out each time. Call it from a macrotask.
 */

import { errorMessageOf, StoreError } from '../../core/errors.ts';
import { simulate } from '../simulation.ts';
import { StoryCluster } from './story-cluster.ts';
import { storyCommands } from './story-commands.ts';
import { parseStory, renderStory } from './story-script.ts';

const seed = 7;

/** The story's text as it should be. Throws for a command that does not exist or does not make sense. */
export function playStory(text: string): string {
  const lines = parseStory(text);
  const commands = lines.filter((line) => line.kind === 'command').map((line) => line.text);
  const { result } = simulate({ seed }, async (world) => {
    const cluster = new StoryCluster(world);
    const outputs: (readonly string[])[] = [];
    for (const command of commands) outputs.push(await answer(cluster, command));
    return outputs;
  });
  return renderStory(lines, result);
}

async function answer(cluster: StoryCluster, command: string): Promise<readonly string[]> {
  const [name = '', ...words] = command.split(' ');
  const run = storyCommands.get(name);
  try {
    if (run === undefined) {
      const known = [...storyCommands.keys()].join(', ');
      throw new StoreError('BAD_REQUEST', `there is no such command; there are ${known}`);
    }
    return await run(cluster, words);
  } catch (error) {
    throw new StoreError('BAD_REQUEST', `"${command}": ${errorMessageOf(error)}`, { cause: error });
  }
}
