/** `mini-dynamo delete <key>`: a tombstone, so that the value does not come back from a replica that was away. */

import { clientCommand, sendKeyRequest, type ClientOptions } from './client-command.ts';
import { parseInteger, withExamples } from './command-options.ts';
import { keyPath } from './node-client.ts';
import { say } from './terminal.ts';

export const deleteCommand = withExamples(
  clientCommand('delete')
    .description('delete the value under a key; fine when there is none')
    .argument('<key>', 'the key, as UTF-8')
    .option('--w <count>', 'replicas that must have the delete durable', parseInteger(1, 256))
    .action(remove),
  [['delete greeting', '']],
);

async function remove(key: string, options: ClientOptions): Promise<void> {
  const reply = await sendKeyRequest(options, { method: 'DELETE', path: keyPath(Buffer.from(key)) });
  say(`deleted, version ${reply.header('etag') ?? 'unknown'}`);
}
