/** `mini-dynamo get <key>`: the bytes of a value, and nothing else, on the standard output. */

import { clientCommand, sendKeyRequest, type ClientOptions } from './client-command.ts';
import { CommandFailure } from './command-failure.ts';
import { parseInteger, withExamples } from './command-options.ts';
import { keyPath } from './node-client.ts';
import { writeBytes } from './terminal.ts';

export const getCommand = withExamples(
  clientCommand('get')
    .description('write the value under a key to the standard output; exit code 1 when there is none')
    .argument('<key>', 'the key, as UTF-8')
    .option('--r <count>', 'replicas that must answer', parseInteger(1, 256))
    .action(get),
  [
    ['get greeting', ''],
    ['get photo > cat.png', ''],
  ],
);

async function get(key: string, options: ClientOptions): Promise<void> {
  const reply = await sendKeyRequest(options, { method: 'GET', path: keyPath(Buffer.from(key)) });
  if (reply.status === 404) throw new CommandFailure(`not found: ${key}`);
  await writeBytes(reply.body);
}
