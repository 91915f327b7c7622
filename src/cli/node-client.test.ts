import assert from 'node:assert/strict';
import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { test, type TestContext } from 'node:test';

import type { Address } from './address.ts';
import { describeRefusal } from './client-command.ts';
import { healthOfAddress } from './node-answer.ts';
import { keyPath, requestNode } from './node-client.ts';

async function listening(context: TestContext, server: Server): Promise<Address> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  context.after(() => server.close());
  return { host: '127.0.0.1', port: portOf(server.address()) };
}

function portOf(address: AddressInfo | string | null): number {
  assert.ok(typeof address === 'object' && address !== null);
  return address.port;
}

function httpServer(context: TestContext, listener: RequestListener): Promise<Address> {
  return listening(context, createHttpServer({ keepAliveTimeout: 1 }, listener));
}

test('a key keeps every byte on its way into a path', () => {
  assert.equal(keyPath(Buffer.from('a-b_c~9')), '/kv/a-b_c~9');
  assert.equal(keyPath(Buffer.from('..')), '/kv/%2E%2E');
  assert.equal(keyPath(Buffer.from('a/b c?d#e%')), '/kv/a%2Fb%20c%3Fd%23e%25');
  assert.equal(keyPath(Buffer.of(0, 255)), '/kv/%00%FF');
});

test('the path, the method and the body arrive as they were given', async (context) => {
  const seen: string[] = [];
  const address = await httpServer(context, (incoming, reply) => {
    incoming.on('data', (chunk: Buffer) => seen.push(chunk.toString()));
    incoming.on('end', () => {
      seen.push(incoming.method ?? '', incoming.url ?? '', incoming.headers['x-a'] as string);
      reply.writeHead(201, { etag: '"v"' }).end('done');
    });
  });
  const reply = await requestNode(address, {
    method: 'PUT',
    path: '/kv/%2E%2E',
    headers: { 'x-a': 'b' },
    body: Buffer.from('body'),
    timeoutMs: 5_000,
  });
  assert.ok(reply.kind === 'answered');
  assert.deepEqual([reply.status, reply.headers.etag, reply.body.toString()], [201, '"v"', 'done']);
  assert.deepEqual(seen, ['body', 'PUT', '/kv/%2E%2E', 'b']);
});

test('a port on which nobody listens is unreachable: nothing was sent', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const port = portOf(server.address());
  await new Promise((resolve) => server.close(resolve));
  const reply = await requestNode(
    { host: '127.0.0.1', port },
    { method: 'PUT', path: '/', timeoutMs: 5_000 },
  );
  assert.equal(reply.kind, 'unreachable');
});

test('a node that takes the request and falls silent, or hangs up, is unanswered', async (context) => {
  const silent = await listening(
    context,
    createServer((socket) => void socket.on('error', () => undefined).unref()),
  );
  const rude = await listening(
    context,
    createServer((socket) => void socket.once('data', () => socket.destroy())),
  );
  assert.equal((await requestNode(silent, { method: 'PUT', path: '/', timeoutMs: 50 })).kind, 'unanswered');
  assert.equal((await requestNode(rude, { method: 'PUT', path: '/', timeoutMs: 5_000 })).kind, 'unanswered');
});

test('health is yes, no with the reason, or silence', async (context) => {
  const well = await httpServer(context, (_, reply) => reply.end('ok'));
  const full = await httpServer(context, (_, reply) => reply.writeHead(507).end('the disk is full\n'));
  assert.deepEqual(await healthOfAddress(well), { kind: 'yes' });
  assert.deepEqual(await healthOfAddress(full), { kind: 'no', message: 'the disk is full' });
});

test('a refusal is told in one sentence, and an unknown outcome is never called a failure', () => {
  assert.equal(
    describeRefusal(
      503,
      Buffer.from('{"code":"QUORUM_NOT_MET","message":"1 of 2 replicas","outcome":"unknown"}'),
    ),
    '1 of 2 replicas (QUORUM_NOT_MET, status 503). The outcome is unknown: the write may still win.',
  );
  assert.equal(describeRefusal(400, Buffer.from('missing key\n')), 'missing key (status 400).');
  assert.equal(describeRefusal(502, Buffer.alloc(0)), 'no reason given (status 502).');
});
