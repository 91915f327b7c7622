/** `mini-dynamo why <key>`: who holds what of one key, what is on its way to whom, and how it came there. */

import { chooseNode, clientCommand, type ClientOptions } from './client-command.ts';
import { formatAddress } from './address.ts';
import { withExamples } from './command-options.ts';
import { askNode } from './node-job.ts';
import { say } from './terminal.ts';
import { whySchema, whyText } from './why-text.ts';

interface WhyOptions extends ClientOptions {
  readonly json?: boolean;
}

export const whyCommand = withExamples(
  clientCommand('why')
    .description('who holds what of one key, what is on its way to whom, and how it came there')
    .argument('<key>', 'the key, as UTF-8')
    .option('--json', 'as the node says it')
    .action(why),
  [
    ['why cart/1', ''],
    ['why cart/1 --json', ''],
  ],
);

async function why(key: string, options: WhyOptions): Promise<void> {
  const address = await chooseNode(options);
  const node = { name: formatAddress(address), address };
  const path = `/debug/why?key=${encodeURIComponent(key)}`;
  const answer = await askNode(node, { method: 'GET', path }, whySchema);
  say(options.json === true ? JSON.stringify(answer, undefined, 2) : whyText(answer));
}
