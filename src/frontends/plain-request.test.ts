import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { PlainRequestReader } from './plain-request.ts';

const get = 'GET /kv/a HTTP/1.1\r\nHost: h\r\n\r\n';

function read(text: string): ReturnType<PlainRequestReader['read']> {
  return new PlainRequestReader().read(Buffer.from(text, 'latin1'));
}

describe('plain requests', () => {
  test('an ordinary request is read', () => {
    const request = read(
      'PUT /kv/a%20b?w=3 HTTP/1.1\r\nHost: h\r\nContent-Type:  text/plain \r\nContent-Length: 2\r\n\r\nhi',
    );
    assert.equal(request?.method, 'PUT');
    assert.equal(request.target, '/kv/a%20b?w=3');
    assert.deepEqual(
      { ...request.headers },
      { host: 'h', 'content-type': 'text/plain', 'content-length': '2' },
    );
    assert.equal(Buffer.from(request.body).toString(), 'hi');
  });

  const declined: readonly (readonly [string, string])[] = [
    ['a head that is not whole', 'GET /kv/a HTTP/1.1\r\nHost: h\r\n'],
    ['a body that is not whole', 'PUT /kv/a HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nhi'],
    ['anything behind the request', `${get}x`],
    ['a second request', get + get],
    ['a transfer coding', 'PUT /kv/a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['two lengths', 'PUT /kv/a HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n'],
    ['a length that is no number', 'PUT /kv/a HTTP/1.1\r\nHost: h\r\nContent-Length: +0\r\n\r\n'],
    ['an expectation', 'PUT /kv/a HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n\r\n'],
    ['an upgrade', 'GET /kv/a HTTP/1.1\r\nHost: h\r\nUpgrade: x\r\n\r\n'],
    ['a connection that is to close', 'GET /kv/a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n'],
    ['a missing host', 'GET /kv/a HTTP/1.1\r\nAccept: */*\r\n\r\n'],
    ['two hosts', 'GET /kv/a HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n'],
    ['an older version', 'GET /kv/a HTTP/1.0\r\nHost: h\r\n\r\n'],
    ['another route', 'GET /health HTTP/1.1\r\nHost: h\r\n\r\n'],
    ['another method', 'POST /kv/a HTTP/1.1\r\nHost: h\r\n\r\n'],
    ['a space in the target', 'GET /kv/a b HTTP/1.1\r\nHost: h\r\n\r\n'],
    ['a folded header', 'GET /kv/a HTTP/1.1\r\nHost: h\r\n x\r\n\r\n'],
    ['a space before the colon', 'GET /kv/a HTTP/1.1\r\nHost : h\r\n\r\n'],
    ['a bare line feed', 'GET /kv/a HTTP/1.1\nHost: h\r\n\r\n'],
    ['a bare carriage return', 'GET /kv/a HTTP/1.1\r\nHost: h\rX: y\r\n\r\n'],
    ['a body of a read', 'GET /kv/a HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx'],
  ];
  for (const [what, text] of declined) {
    test(`${what} is left to node:http`, () => {
      assert.notEqual(read(get), undefined);
      assert.equal(read(text), undefined);
    });
  }

  test('a header block that was seen before is read as before, another one anew', () => {
    const reader = new PlainRequestReader();
    const put = (length: number, body: string): ReturnType<PlainRequestReader['read']> =>
      reader.read(Buffer.from(`PUT /kv/a HTTP/1.1\r\nHost: h\r\nContent-Length: ${length}\r\n\r\n${body}`));
    for (let round = 0; round < 3; round++) {
      assert.equal(put(2, 'hi')?.body.length, 2);
      assert.equal(put(2, 'h'), undefined);
      assert.equal(put(3, 'hey')?.body.length, 3);
    }
    assert.equal(put(1, 'hi'), undefined);
    assert.equal(reader.read(Buffer.from('PUT /kv/a HTTP/1.1\r\nX: y\r\n\r\n')), undefined);
    assert.equal(put(1, 'x')?.body.length, 1, 'a declined block is not remembered');
  });

  test('what is read here, node:http reads alike and takes for one request', async () => {
    const seen: {
      method?: string | undefined;
      url?: string | undefined;
      headers: IncomingHttpHeaders;
      body: string;
    }[] = [];
    const server = createServer((request, reply) => {
      const chunks: Buffer[] = [];
      request
        .on('data', (chunk: Buffer) => chunks.push(chunk))
        .on('end', () => {
          const body = Buffer.concat(chunks).toString('latin1');
          seen.push({ method: request.method, url: request.url, headers: request.headers, body });
          reply.end();
        });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    let taken = 0;
    const lines = fc.constantFrom(
      'Accept: */*',
      'Accept:application/json',
      'Content-Type: a/b; c="d"',
      'Connection: Keep-Alive',
      'Connection: close',
      'Connection: keep-alive, close',
      'Host: again',
      'X-Causal-Context: "1-2-n1"',
      'Transfer-Encoding: chunked',
      'Content-Length: 1',
      'content-length: 2',
      'Content-Length: 02',
      'Content-Length:2 ',
      'Content-Length: 2, 2',
      'User-Agent: \t x \t',
      'Accept : x',
      'Accept',
      ': x',
      '',
    );
    const line = fc.oneof(
      { weight: 6, arbitrary: lines },
      { weight: 1, arbitrary: fc.string({ unit: 'binary-ascii', maxLength: 12 }) },
    );
    const target = fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom('/kv/a', '/kv/%ff', '/kv/a?r=1', '/kv/a/../b', '/kv/"<>') },
      {
        weight: 1,
        arbitrary: fc.string({ unit: 'binary-ascii', maxLength: 8 }).map((text) => `/kv/${text}`),
      },
    );
    const texts = fc
      .tuple(
        fc.constantFrom('GET', 'PUT', 'DELETE', 'HEAD', 'get'),
        target,
        fc.array(line, { maxLength: 4 }),
        fc.constantFrom('', '', 'x', 'hi', '0\r\n\r\n'),
      )
      .map(([method, path, headers, body]) => {
        return `${[`${method} ${path} HTTP/1.1`, 'Host: h', ...headers].join('\r\n')}\r\n\r\n${body}`;
      });
    try {
      await fc.assert(
        fc.asyncProperty(texts, async (text) => {
          const request = read(text);
          if (request === undefined) return;
          taken++;
          seen.length = 0;
          const socket = connect(port, '127.0.0.1');
          socket.on('error', () => undefined);
          // Anything that node:http took for the start of a further request would be answered too.
          socket.end(Buffer.from(text, 'latin1'));
          socket.resume();
          await once(socket, 'close');
          const body = Buffer.from(request.body).toString('latin1');
          const { method, target: url, headers } = request;
          assert.deepEqual(
            seen.map((other) => ({ ...other, headers: { ...other.headers } })),
            [{ method, url, headers: { ...headers }, body }],
            JSON.stringify(text),
          );
        }),
        { numRuns: 3_000 },
      );
    } finally {
      server.close();
    }
    assert.ok(taken > 50, `${taken} requests were plain`);
  });
});
