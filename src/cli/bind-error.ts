/** Whether an address of this machine can be bound now, by this process alone. */

import { createServer } from 'node:net';

import type { Address } from './address.ts';

/** The system's code for why it cannot; undefined when it can. */
export function bindErrorOf(address: Address): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error) => resolve('code' in error ? String(error.code) : error.message));
    const host = address.host === '' ? {} : { host: address.host };
    server.listen({ ...host, port: address.port, exclusive: true }, () => {
      server.close(() => resolve(undefined));
    });
  });
}
