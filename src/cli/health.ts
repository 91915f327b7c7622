/** `mini-dynamo health`: whether every node is well; exit code 1 when one is not. */

import { chooseNodes, inspectCommand, type InspectOptions } from './inspect-command.ts';
import { CommandFailure } from './command-failure.ts';
import { withExamples } from './command-options.ts';
import { healthOfAddress } from './node-answer.ts';
import { formatTable, say } from './terminal.ts';

export const healthCommand = withExamples(
  inspectCommand('health')
    .description('ask every node whether it is well; exit code 1 when one is not')
    .argument('[ids...]', 'only these nodes')
    .action(health),
  [
    ['health', ''],
    ['health n2', ''],
  ],
);

async function health(ids: readonly string[], options: InspectOptions): Promise<void> {
  const nodes = await chooseNodes(ids, options);
  const answers = await Promise.all(
    nodes.map(async (node) => ({ name: node.name, answer: await healthOfAddress(node.address) })),
  );
  say(
    formatTable(
      answers.map(({ name, answer }) => {
        if (answer.kind === 'yes') return [name, 'ok'];
        return [name, answer.kind === 'no' ? answer.message : `does not answer: ${answer.message}`];
      }),
    ),
  );
  const unwell = answers.filter(({ answer }) => answer.kind !== 'yes');
  if (unwell.length > 0) throw new CommandFailure(`${unwell.length} of ${answers.length} nodes not ok`);
}
