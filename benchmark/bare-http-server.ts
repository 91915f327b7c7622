/**
 * The yardstick: the least that a `node:http` server can do for the same requests.
 *
 * PUT reads the body and answers 204, GET answers 100 fixed bytes. It stores nothing, so whatever a store
 * reaches is a share of what this reaches under the same driver in the same run. Prints the port it listens on.
 */

import { createServer } from 'node:http';

const body = Buffer.alloc(100, 'x');

const server = createServer((request, response) => {
  if (request.method === 'GET') {
    response.writeHead(200, [
      'Content-Type',
      'application/octet-stream',
      'Content-Length',
      String(body.length),
    ]);
    response.end(body);
    return;
  }
  request.on('data', () => {});
  request.on('end', () => {
    response.writeHead(204);
    response.end();
  });
});

server.listen(Number(process.argv[2] ?? 0), '127.0.0.1', () => {
  const address = server.address();
  if (typeof address === 'object' && address !== null) process.stdout.write(`${address.port}\n`);
});
process.once('SIGTERM', () => process.exit(0));
