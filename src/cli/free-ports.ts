/**
 * Ports on which nobody listens, for clusters that are thrown away.
 *
 * They lie below those that operating systems hand to outgoing connections (32768 and up on Linux), so
 * a node that is killed and started again finds its port still free.
 */

import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

const portMin = 12_000;
const portMax = 32_000;
const attemptsMax = 200;

/** So many different ports of the loopback that can be bound now. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const ports = new Set<number>();
  for (let attempt = 0; attempt < attemptsMax && ports.size < count; attempt++) {
    const port = randomInt(portMin, portMax);
    if (!ports.has(port) && (await canBind(port))) ports.add(port);
  }
  if (ports.size < count) throw new Error(`found only ${ports.size} of ${count} free ports`);
  return [...ports];
}

function canBind(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ host: '127.0.0.1', port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
