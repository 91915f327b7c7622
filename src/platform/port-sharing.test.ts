import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer as createHttpServer, type Server as HttpServer } from 'node:http';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { StoreError } from '../core/errors.ts';
import { encodePreface } from './handshake-codec.ts';
import { httpProtocol, SharedPort, type PortProtocol, type SharedPortOptions } from './port-sharing.ts';
import { canReusePort } from './reuse-port.ts';
import { SystemClock } from './system-clock.ts';
import { RecordingObserver } from './transport-contract-members.ts';

const observer = new RecordingObserver();

/** Answers each request with its method, path and body. */
function echoServer(options: { headersTimeout?: number } = {}): HttpServer {
  const server = createHttpServer(
    { ...options, requestTimeout: 1_000, connectionsCheckingInterval: 10 },
    (request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString('latin1')));
      request.on('end', () => response.end(`${request.method} ${request.url} ${body}\n`));
    },
  );
  return server;
}

/** Says which protocol it is, and echoes what it is sent, from the first byte on. */
function echoProtocol(name: string, claims: (firstByte: number) => boolean): PortProtocol {
  return {
    claims,
    accept: (socket) => {
      socket.write(`${name}:`);
      socket.on('data', (chunk) => socket.write(chunk));
      socket.on('end', () => socket.end()).on('error', () => socket.destroy());
    },
  };
}

async function withPort(
  options: Partial<SharedPortOptions> & Pick<SharedPortOptions, 'protocols'>,
  body: (port: number, shared: SharedPort) => Promise<void>,
): Promise<void> {
  const shared = new SharedPort({
    host: '127.0.0.1',
    port: 0,
    clock: new SystemClock(),
    observer,
    ...options,
  });
  try {
    await body(await shared.listen(), shared);
  } finally {
    shared.close();
  }
}

async function withHttp(body: (port: number) => Promise<void>, server = echoServer()): Promise<void> {
  const peer = echoProtocol('peer', (firstByte) => firstByte === 0);
  const redis = echoProtocol('redis', (firstByte) => firstByte === 0x2a);
  await withPort({ protocols: [peer, redis, httpProtocol(server)] }, body);
  server.close();
  server.closeAllConnections();
}

async function open(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
  await once(socket, 'connect');
  return socket;
}

/** Sends the pieces one after the other, each once the kernel has the one before; resolves to all answers. */
async function exchange(port: number, pieces: readonly (string | Uint8Array)[]): Promise<string> {
  const socket = await open(port);
  let answer = '';
  socket.on('data', (chunk: Buffer) => (answer += chunk.toString('latin1')));
  for (const piece of pieces) await new Promise((resolve) => socket.write(piece, resolve));
  socket.end();
  await once(socket, 'end');
  return answer;
}

test('the first byte decides between the protocols, and nothing of the connection is lost', () =>
  withHttp(async (port) => {
    assert.equal(
      await exchange(port, [encodePreface(), 'x']),
      `peer:${Buffer.from(encodePreface()).toString('latin1')}x`,
    );
    assert.equal(await exchange(port, ['*1\r\n']), 'redis:*1\r\n');
    assert.match(
      await exchange(port, ['GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n']),
      /GET \/a \n/,
    );
  }));

test('a protocol that cannot tell yet is shown more bytes, up to a limit', async () => {
  const shown: string[] = [];
  const late: PortProtocol = {
    ...echoProtocol('late', () => true),
    claims: (_, firstBytes) => {
      const text = Buffer.from(firstBytes).toString();
      shown.push(text);
      return text.endsWith('!') ? true : undefined;
    },
  };
  await withPort({ protocols: [late, echoProtocol('other', () => true)] }, async (port) => {
    const socket = await open(port);
    socket.write('a');
    while (shown.length < 1) await new Promise(setImmediate);
    let answer = '';
    socket.on('data', (chunk: Buffer) => (answer += chunk.toString()));
    socket.end('b!');
    await once(socket, 'end');
    assert.equal(answer, 'late:ab!');
    assert.deepEqual(shown, ['a', 'ab!']);
    assert.equal(await exchange(port, ['x'.repeat(64)]), `other:${'x'.repeat(64)}`);
  });
});

test('an HTTP request arrives whole wherever it is cut', () =>
  withHttp(async (port) => {
    const request = 'PUT /kv/a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello';
    for (let cut = 1; cut < request.length; cut++) {
      assert.match(await exchange(port, [request.slice(0, cut), request.slice(cut)]), /PUT \/kv\/a hello\n/);
    }
    assert.match(await exchange(port, request.split('')), /PUT \/kv\/a hello\n/);
  }));

test('pipelined requests that come with the first bytes are all answered, in order', () =>
  withHttp(async (port) => {
    const requests = Array.from(
      { length: 20 },
      (_, index) => `GET /${index} HTTP/1.1\r\nHost: x\r\n\r\n`,
    ).join('');
    const answer = await exchange(port, [requests]);
    assert.deepEqual(
      [...answer.matchAll(/GET \/(\d+) /g)].map((match) => Number(match[1])),
      [...Array(20).keys()],
    );
  }));

test('a client that says all it has to say and closes its side still gets its answer', async () => {
  await withHttp(async (port) => {
    assert.match(await exchange(port, ['GET /half HTTP/1.1\r\nHost: x\r\n\r\n']), /GET \/half \n/);
  });
  const late: PortProtocol = {
    claims: () => true,
    accept: (socket) => socket.resume().on('end', () => setImmediate(() => socket.end('an answer'))),
  };
  await withPort({ protocols: [late] }, async (port) => {
    assert.equal(await exchange(port, ['a question']), 'an answer');
  });
});

test('a slow HTTP request still runs into the time limits of its server', () =>
  withHttp(
    async (port) => {
      const socket = await open(port);
      socket.write('GET / HTTP/1.1\r\nHo');
      const [answer] = await once(socket, 'data');
      assert.match(String(answer), /^HTTP\/1.1 408 /);
      socket.destroy();
    },
    echoServer({ headersTimeout: 30 }),
  ));

test('a connection that stays silent is closed, and so is one that closes without a word', () =>
  withPort({ protocols: [echoProtocol('any', () => true)], firstBytesTimeoutMs: 20 }, async (port) => {
    const silent = await open(port);
    silent.resume();
    await once(silent, 'end');
    const mute = await open(port);
    mute.resume();
    mute.end();
    await once(mute, 'close');
    silent.destroy();
  }));

test('connections past the limit are closed at once and counted, and a place that is free again is given', () =>
  withPort({ protocols: [echoProtocol('any', () => true)], connectionsMax: 2 }, async (port) => {
    const first = await open(port);
    const second = await open(port);
    const third = connect({ port, host: '127.0.0.1' });
    third.on('error', () => {}).resume();
    await once(third, 'close');
    await observer.untilCounted('connections.dropped', 1);
    for (const socket of [first, second]) {
      socket.end('x');
      await once(socket.resume(), 'close');
    }
    assert.equal(await exchange(port, ['y']), 'any:y');
  }));

test('closing ends the silent connections and leaves the others to their protocol', async () => {
  await withPort({ protocols: [echoProtocol('any', () => true)] }, async (port, shared) => {
    const silent = await open(port);
    const talking = await open(port);
    const answers: string[] = [];
    talking.on('data', (chunk: Buffer) => answers.push(chunk.toString()));
    talking.write('a');
    while (answers.join('') !== 'any:a') await once(talking, 'data');
    shared.close();
    await once(silent.resume(), 'end');
    silent.destroy();
    talking.write('b');
    while (answers.join('') !== 'any:ab') await once(talking, 'data');
    talking.destroy();
    const late = connect({ port, host: '127.0.0.1' });
    const [error] = await once(late, 'error');
    assert.match(String(error), /ECONNREFUSED/);
  });
});

test('an address in use is CONFIG_INVALID and names it', () =>
  withPort({ protocols: [] }, async (port) => {
    await assert.rejects(
      withPort({ protocols: [], port }, () => Promise.resolve()),
      (error) => {
        assert.ok(error instanceof StoreError);
        assert.equal(error.code, 'CONFIG_INVALID');
        assert.match(error.message, new RegExp(`127.0.0.1 port ${port}: .*EADDRINUSE.*another address`));
        return true;
      },
    );
  }));

test(
  'a port is shared with others that share it, and with nobody else',
  { skip: !canReusePort(process.platform) },
  async () => {
    const options = {
      host: '127.0.0.1',
      clock: new SystemClock(),
      observer,
      protocols: [echoProtocol('a', () => true)],
    };
    const first = new SharedPort({ ...options, port: 0, reusePort: true });
    const port = await first.listen();
    const second = new SharedPort({
      ...options,
      port,
      reusePort: true,
      protocols: [echoProtocol('b', () => true)],
    });
    const alone = new SharedPort({ ...options, port });
    try {
      assert.equal(await second.listen(), port);
      await assert.rejects(alone.listen(), { code: 'CONFIG_INVALID' });
      // Which of them gets a connection is by a hash of its ports: of 64 each has some.
      const greeted = new Set<string>();
      for (let connection = 0; connection < 64; connection++) {
        const socket = connect(port, '127.0.0.1');
        socket.write('x');
        const [greeting] = (await once(socket, 'data')) as [Buffer];
        greeted.add(greeting.toString('latin1').slice(0, 2));
        socket.destroy();
      }
      assert.deepEqual([...greeted].toSorted(), ['a:', 'b:']);
    } finally {
      for (const shared of [first, second, alone]) shared.close();
    }
  },
);

test('systems that give all connections of a shared port to one process do not share it', () => {
  assert.ok(canReusePort('linux') && canReusePort('freebsd'));
  assert.ok(!canReusePort('darwin') && !canReusePort('win32'));
});
