/**
 * Golden stories of the Redis protocol: each must come out as it is written. `node
 * src/frontends/redis/redis-stories.test.ts --update` records them anew; the difference is then read and
 * committed like code.
 *
 *   SET a b               a request, its words split like those of an inline command
 *   > PING | GET a        several requests in one write
 *   raw "*1\r\n..."        exact bytes on a connection of its own; all that comes until the server closes it
 *   clock +5s             moves the wall clock
 *   writes unknown | refused | fine, reads unavailable | fine, scans unavailable
 */

import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import type { ReadOutcome, WriteOutcome } from '../../replica/node-api.ts';
import { parseStory, renderStory } from '../../sim/stories/story-script.ts';
import { splitInlineArguments } from './inline-arguments.ts';
import { multibulk, startRedisHarness, type RawRedisClient, type RedisHarness } from './test-harness.ts';

const folder = path.join(import.meta.dirname, 'stories');
const isUpdate = process.argv.includes('--update');
const stories = readdirSync(folder)
  .filter((name) => name.endsWith('.story'))
  .toSorted();

const unknownWrite: WriteOutcome = {
  kind: 'unknown',
  code: 'QUORUM_NOT_MET',
  dot: { wallMs: 1, counter: 0, actor: 'n1.test' },
  acknowledged: 1,
  required: 2,
  message: '1 of the required 2 replicas acknowledged the write within 2000 ms; it may still take effect.',
};
const refusedWrite: WriteOutcome = {
  kind: 'refused',
  code: 'OVERLOADED',
  message: '8192 requests are under way; try again later',
};
const noRead: Extract<ReadOutcome, { kind: 'unavailable' }> = {
  kind: 'unavailable',
  code: 'QUORUM_NOT_MET',
  answered: 1,
  required: 2,
  message: '1 of the required 2 replicas answered the read.',
};

/** What the last `SCAN` of a connection gave out. */
const lastCursors = new WeakMap<RawRedisClient, string>();

for (const name of stories) {
  const file = path.join(folder, name);
  const text = readFileSync(file, 'utf8');
  test(text.slice(2, text.indexOf('\n')), async (context) => {
    const played = await playRedisStory(context, text);
    if (isUpdate) writeFileSync(file, played);
    else
      assert.equal(played, text, `${name} tells something else now; run this file with --update to see what`);
  });
}

test('there are stories, and one with other output than what happens does not pass', async (context) => {
  assert.ok(stories.length >= 8);
  const played = await playRedisStory(context, '# a\nPING\n    +PANG\n');
  assert.equal(played, '# a\nPING\n    +PONG\n');
});

/** The story as it happens now. */
async function playRedisStory(test: TestContext, text: string): Promise<string> {
  const harness = await startRedisHarness(test);
  const client = await harness.connect();
  const lines = parseStory(text);
  const outputs: string[][] = [];
  for (const { kind, text: line } of lines) {
    if (kind === 'command') outputs.push(await play(harness, client, line));
  }
  return renderStory(lines, outputs);
}

async function play(harness: RedisHarness, client: RawRedisClient, line: string): Promise<string[]> {
  const { node } = harness;
  const clock = /^clock \+(\d+)s$/.exec(line)?.[1];
  if (clock !== undefined) {
    node.wallMs += Number(clock) * 1_000;
    return [];
  }
  switch (line) {
    case 'writes unknown':
      node.write = () => Promise.resolve(unknownWrite);
      return [];
    case 'writes refused':
      node.write = () => Promise.resolve(refusedWrite);
      return [];
    case 'writes fine':
      node.write = undefined;
      return [];
    case 'reads unavailable':
      node.read = () => Promise.resolve(noRead);
      return [];
    case 'scans unavailable':
      node.scanning = () => Promise.resolve(noRead);
      return [];
    case 'reads fine':
      node.read = undefined;
      return [];
  }
  if (line.includes('@next')) return await playNext(harness, client, line);
  if (line.startsWith('raw ')) return await playRaw(harness, line.slice(4));
  const requests = line.startsWith('> ') ? line.slice(2).split(' | ') : [line];
  client.send(Buffer.concat(requests.map((request) => multibulk(...wordsOf(request)))));
  const replies = await client.replies(requests.length);
  const cursor = /^\*2\r\n\$\d+\r\n(\d+)\r\n/.exec(replies[0] ?? '')?.[1];
  if (cursor !== undefined) lastCursors.set(client, cursor);
  return replies.flatMap(shown);
}

/** `@next` is the cursor of the scan before. */
async function playNext(harness: RedisHarness, client: RawRedisClient, line: string): Promise<string[]> {
  const cursor = lastCursors.get(client) ?? '0';
  return await play(harness, client, line.replace('@next', cursor));
}

/** On a connection of its own, because most of these end it. */
async function playRaw(harness: RedisHarness, quoted: string): Promise<string[]> {
  const client = await harness.connect();
  const [bytes = Buffer.alloc(0)] = wordsOf(quoted);
  client.send(bytes);
  client.socket.end();
  const answer = await client.ended();
  return [...shown(answer), '(closed)'];
}

function wordsOf(line: string): Buffer[] {
  const words = splitInlineArguments(Buffer.from(line, 'utf8'));
  if (words === undefined) throw new Error(`the quotes of ${line} do not pair up`);
  return words;
}

/** A reply as lines, with what is not printable escaped. */
function shown(reply: string): string[] {
  return reply
    .split('\r\n')
    .slice(0, -1)
    .map((line) => JSON.stringify(line).slice(1, -1).replaceAll('\\"', '"'));
}
