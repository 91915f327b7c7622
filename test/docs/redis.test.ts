/** docs/redis.md and the code say the same. `node test/docs/redis.test.ts --update` rewrites the table of commands. */

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { limits } from '../../src/core/limits.ts';
import { commands } from '../../src/frontends/redis/command-table.ts';

const file = new URL('../../docs/redis.md', import.meta.url);
const page = readFileSync(file, 'utf8');
const table = /(<!-- commands: .* -->\n\n)([^]*?)(\n<!-- end of commands -->)/;

test('docs/redis.md lists every command as the command table has it', () => {
  const rows = commands.map(({ name, syntax, summary }) => {
    const call = `${name.toUpperCase()} ${syntax}`.trim().replaceAll('|', '\\|');
    return `| \`${call}\` | ${summary} |\n`;
  });
  const expected = `| command | what it does |\n|---|---|\n${rows.join('')}`;
  if (process.argv.includes('--update')) {
    writeFileSync(
      file,
      page.replace(table, (_, before: string, __, after: string) => before + expected + after),
    );
    return;
  }
  assert.equal(table.exec(page)?.[2], expected);
});

test('docs/redis.md names the limits that hold', () => {
  const grouped = (value: number): string => value.toLocaleString('en-US');
  for (const text of [
    `Inline commands up to ${limits.redisLineBytesMax / 1024} KiB`,
    `${grouped(limits.redisArgumentsMax)} words a request`,
    `together ${limits.redisRequestBytesMax / 1024 ** 2} MiB`,
    `${limits.clientPipelineMax} requests of a connection`,
    `up to ${limits.clientOutputBytesMax / 1024 ** 2} MiB`,
    `for ${limits.clientReadStallMs / 1_000} seconds`,
    `past ${grouped(limits.redisKeysListedMax)} keys`,
    `holds up to ${grouped(limits.redisKeysCountedMax)} keys`,
  ]) {
    assert.ok(page.replaceAll('\n', ' ').replaceAll('  ', ' ').includes(text), `"${text}" is not there`);
  }
});
