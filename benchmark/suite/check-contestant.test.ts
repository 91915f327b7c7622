import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { test } from 'node:test';

import { checkContestant } from './check-contestant.ts';
import type { RunningContestant } from './contestants.ts';

type Store = Map<string, Buffer>;
type Lie = (store: Store, url: string, response: ServerResponse) => boolean;

/** Keeps values as it should, but where a lie takes a GET over. */
async function problemsOf(
  lie: Lie,
  puts: (store: Store, url: string, value: Buffer) => void,
): Promise<readonly string[]> {
  const store: Store = new Map();
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method, url = '' } = request;
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    if (method === 'PUT') {
      puts(store, url, Buffer.concat(chunks));
      response.writeHead(204).end();
    } else if (!lie(store, url, response)) {
      const value = store.get(url);
      if (value === undefined) response.writeHead(404, { 'Content-Length': 0 }).end();
      else response.writeHead(200, { 'Content-Length': value.length }).end(value);
    }
  };
  const server = createServer((request, response) => void answer(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  const contestant: RunningContestant = {
    id: 'url',
    program: 'url',
    name: 'a server',
    about: '',
    dialog: { kind: 'http' },
    scans: 'none',
    server: {
      urls: [new URL(`http://127.0.0.1:${address.port}`)],
      pids: [],
      stop: () => Promise.resolve(),
    },
  };
  try {
    return await checkContestant(contestant);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

const honest: Lie = () => false;
const keeps = (store: Store, url: string, value: Buffer): void => void store.set(url, value);

test('a server that keeps what it is given has no problems', async () => {
  assert.deepEqual(await problemsOf(honest, keeps), []);
});

test('a server that keeps the first value for ever is found out', async () => {
  const problems = await problemsOf(honest, (store, url, value) => {
    if (!store.has(url)) store.set(url, value);
  });
  assert.ok(
    problems.some((problem) => /read of 100 bytes: another value/.test(problem)),
    problems.join('\n'),
  );
});

test('a server that answers with anything for what is not there is found out', async () => {
  const problems = await problemsOf((store, url, response) => {
    if (store.has(url)) return false;
    response.writeHead(200, { 'Content-Length': 0 }).end();
    return true;
  }, keeps);
  assert.ok(
    problems.some((problem) => /read of no key/.test(problem)),
    problems.join('\n'),
  );
});

test('a server that cuts long values is found out', async () => {
  const problems = await problemsOf(honest, (store, url, value) =>
    keeps(store, url, value.subarray(0, 65_536)),
  );
  assert.deepEqual(problems.length > 0 && problems.every((problem) => /1048576 bytes/.test(problem)), true);
});
