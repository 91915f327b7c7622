/** `mini-dynamo put <key>`: stores an argument, a file or the standard input under a key. */

import { readFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';

import { errorMessageOf } from '../core/errors.ts';
import { clientCommand, sendKeyRequest, type ClientOptions } from './client-command.ts';
import { CommandFailure, UsageFailure } from './command-failure.ts';
import { parseInteger, withExamples } from './command-options.ts';
import { keyPath } from './node-client.ts';
import { say } from './terminal.ts';

interface PutOptions extends ClientOptions {
  readonly file?: string;
  readonly contentType?: string;
}

export const putCommand = withExamples(
  clientCommand('put')
    .description('store a value under a key')
    .argument('<key>', 'the key, as UTF-8')
    .argument('[value]', 'the value; without it and without --file, the standard input')
    .option('-f, --file <path>', 'store the content of this file')
    .option('-t, --content-type <type>', 'stored with the value and given back with it')
    .option('--w <count>', 'replicas that must have the write durable', parseInteger(1, 256))
    .action(put),
  [
    ['put greeting hello', ''],
    ['put photo --file cat.png -t image/png', ''],
    ['put notes < notes.txt', 'from the standard input'],
  ],
);

async function put(key: string, value: string | undefined, options: PutOptions): Promise<void> {
  const body = await valueOf(value, options.file);
  const reply = await sendKeyRequest(options, {
    method: 'PUT',
    path: keyPath(Buffer.from(key)),
    body,
    headers: options.contentType === undefined ? {} : { 'content-type': options.contentType },
  });
  say(`stored ${body.length} bytes, version ${reply.header('etag') ?? 'unknown'}`);
}

async function valueOf(value: string | undefined, file: string | undefined): Promise<Uint8Array> {
  if (value !== undefined && file !== undefined) throw new UsageFailure('Give a value or --file, not both.');
  if (value !== undefined) return Buffer.from(value);
  if (file !== undefined) {
    return readFile(file).catch((error: unknown) => {
      throw new CommandFailure(`${file} cannot be read: ${errorMessageOf(error)}`, { cause: error });
    });
  }
  if (process.stdin.isTTY) throw new UsageFailure('Give a value, --file, or pipe one in.');
  return buffer(process.stdin);
}
