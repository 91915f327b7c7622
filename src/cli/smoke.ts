/** `mini-dynamo smoke`: does the running cluster do what its API says? A minute's look, not a test suite. */

import { randomBytes } from 'node:crypto';

import { limits } from '../core/limits.ts';
import { CommandFailure } from './command-failure.ts';
import { withExamples } from './command-options.ts';
import { chooseNodes, inspectCommand, type InspectOptions } from './inspect-command.ts';
import { hasStatus, KeyClient, statusText } from './key-client.ts';
import type { NodeReply } from './node-client.ts';
import { expect, Steps } from './steps.ts';
import { say } from './terminal.ts';

export const smokeCommand = withExamples(
  inspectCommand('smoke')
    .description('put, get and delete against the running cluster; every step with ✔ or ✘')
    .action(smoke),
  [['smoke', '']],
);

async function smoke(options: InspectOptions): Promise<void> {
  const nodes = await chooseNodes([], options);
  const [first = new KeyClient({ host: '127.0.0.1', port: 9001 }), second = first] = nodes.map(
    (node) => new KeyClient(node.address),
  );
  const steps = new Steps();
  const prefix = `smoke/${randomBytes(6).toString('hex')}`;
  await storing(steps, { first, second, prefix });
  await refusing(steps, { first, prefix });
  if (steps.failed > 0)
    throw new CommandFailure(`${steps.failed} of ${steps.failed + steps.passed} steps failed`);
  say(`All ${steps.passed} steps passed.`);
}

async function storing(
  steps: Steps,
  at: { readonly first: KeyClient; readonly second: KeyClient; readonly prefix: string },
): Promise<void> {
  const { first, second, prefix } = at;
  await steps.step('a value that was put at one node is read at another', async () => {
    expectStatus(await first.put(`${prefix}/plain`, 'hello'), 204);
    expectBody(await second.get(`${prefix}/plain`), Buffer.from('hello'));
  });
  await steps.step('a second put replaces the first', async () => {
    expectStatus(await second.put(`${prefix}/plain`, 'hello again'), 204);
    expectBody(await first.get(`${prefix}/plain`), Buffer.from('hello again'));
  });
  await steps.step('an empty value is a value', async () => {
    expectStatus(await first.put(`${prefix}/empty`, ''), 204);
    expectBody(await second.get(`${prefix}/empty`), Buffer.alloc(0));
  });
  await steps.step('keys and values are any bytes', async () => {
    const value = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    const keys = [0xff, 0xfe, 0x00].map((byte) =>
      Buffer.concat([Buffer.from(`${prefix}/`), Buffer.of(byte)]),
    );
    for (const key of keys) expectStatus(await first.put(key, Buffer.concat([value, key])), 204);
    for (const key of keys) expectBody(await second.get(key), Buffer.concat([value, key]));
    for (const key of keys) expectStatus(await first.delete(key), 204);
  });
  await steps.step('a value of 4 MiB comes back as it was', async () => {
    const value = randomBytes(4 * 1024 * 1024);
    expectStatus(await first.put(`${prefix}/large`, value), 204);
    expectBody(await second.get(`${prefix}/large`), value);
  });
  await steps.step('what was deleted is not found any more', async () => {
    for (const name of ['plain', 'empty', 'large']) {
      expectStatus(await second.delete(`${prefix}/${name}`), 204);
      expectStatus(await first.get(`${prefix}/${name}`), 404);
    }
  });
}

async function refusing(
  steps: Steps,
  at: { readonly first: KeyClient; readonly prefix: string },
): Promise<void> {
  const { first, prefix } = at;
  await steps.step('a key that never was is not found (404), and deleting it is fine (204)', async () => {
    expectStatus(await first.get(`${prefix}/never`), 404);
    expectStatus(await first.delete(`${prefix}/never`), 204);
  });
  await steps.step('a missing key is refused (400)', async () => {
    expectStatus(await first.request('GET', '/kv/'), 400);
  });
  await steps.step('other methods are refused (405) with those that are allowed', async () => {
    const reply = await first.request('PATCH', `/kv/${prefix}`);
    expectStatus(reply, 405);
    expect(reply.kind === 'answered' && reply.headers.allow !== undefined, 'there was no Allow header');
  });
  await steps.step(`a key of more than ${limits.keyBytesMax} bytes is refused (414)`, async () => {
    expectStatus(await first.get('k'.repeat(limits.keyBytesMax + 1)), 414);
  });
}

function expectStatus(reply: NodeReply, status: number): void {
  expect(hasStatus(reply, status), `expected ${status}, got ${statusText(reply)}`);
}

function expectBody(reply: NodeReply, body: Uint8Array): void {
  expectStatus(reply, 200);
  if (reply.kind !== 'answered') return;
  expect(reply.body.equals(body), `expected ${body.length} bytes, got ${reply.body.length} others`);
}
