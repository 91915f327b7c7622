import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { Command } from 'commander';

import { createProgram } from './program.ts';

function helpOf(command: Command): string {
  let text = '';
  command.configureOutput({ writeOut: (part) => (text += part) });
  command.outputHelp();
  return text;
}

test('help names every command, and each command has a description and examples', () => {
  const program = createProgram();
  const help = helpOf(program);
  assert.match(help, /Exit codes: 0 done, 1 failed, 2 asked wrongly/);
  assert.equal(program.commands.length, 19);
  for (const command of program.commands) {
    const name = command.name();
    assert.match(help, new RegExp(`^  ${name}\\b.*\\w`, 'm'));
    assert.ok(command.description().length > 10, name);
    assert.match(helpOf(command), new RegExp(`Examples:\\n {2}\\$ mini-dynamo ${name}\\b`));
  }
});

test('a number of workers that cannot be is refused with what is allowed', async () => {
  for (const count of ['0', '-1', '65', '1e9', '1.5', 'many', '']) {
    const program = createProgram();
    let said = '';
    for (const command of [program, ...program.commands]) {
      command.configureOutput({ writeErr: (part) => (said += part) });
    }
    await assert.rejects(program.parseAsync(['serve', '--workers', count], { from: 'user' }), {
      exitCode: 1,
    });
    assert.match(said, /--workers <count>.* is invalid\. Give auto, or a whole number from 1 to 64\./);
  }
});
