/**
 * Ports of the loopback on which nobody listens.
 *
 * Those for clusters that are thrown away lie below those that operating systems hand to outgoing connections (32768 and up on Linux), so
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

/** The first port from `min` to `max` that can be bound now; undefined when all are taken. */
export async function firstFreePort(min: number, max: number): Promise<number | undefined> {
  for (let port = min; port <= max; port++) {
    if (await canBind(port)) return port;
  }
  return undefined;
}

/** The first of so many ports in a row that can be bound now; undefined when none were found. */
export async function firstOfFreePorts(count: number): Promise<number | undefined> {
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const first = randomInt(portMin, portMax - count);
    const ports = Array.from({ length: count }, (_, index) => first + index);
    const free = await Promise.all(ports.map(canBind));
    if (!free.includes(false)) return first;
  }
  return undefined;
}

function canBind(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ host: '127.0.0.1', port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
