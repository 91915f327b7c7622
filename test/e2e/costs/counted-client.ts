/** A client that sends one packet after the other on one connection, each when the one before it is answered. */

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { CostBudget } from './cost-budgets.ts';

const valueBytes = 100;
const keys = 200;
const value = 'v'.repeat(valueBytes);

export class CountedClient {
  readonly #socket: Socket;
  readonly #budget: CostBudget;
  #received = '';
  #onReceived: () => void = () => undefined;
  #nextKey = 0;

  private constructor(socket: Socket, budget: CostBudget) {
    this.#socket = socket;
    this.#budget = budget;
    socket.setNoDelay(true);
    socket.setEncoding('latin1').on('data', (text: string) => {
      this.#received += text;
      this.#onReceived();
    });
  }

  static async connect(port: number, budget: CostBudget): Promise<CountedClient> {
    const socket = connect({ host: '127.0.0.1', port });
    await once(socket, 'connect');
    return new CountedClient(socket, budget);
  }

  /** Sends so many packets of the budget's operation; throws when one is not answered as it should be. */
  async send(packets: number): Promise<void> {
    const { pipeline, protocol } = this.#budget;
    for (let packet = 0; packet < packets; packet++) {
      let text = '';
      for (let index = 0; index < pipeline; index++) text += this.#request();
      this.#socket.write(text, 'latin1');
      let ended = -1;
      while ((ended = protocol === 'http' ? this.#endOfHttp() : this.#endOfRedis()) < 0) {
        await new Promise<void>((resolve) => (this.#onReceived = resolve));
      }
      this.#received = this.#received.slice(ended);
    }
  }

  close(): void {
    this.#socket.destroy();
  }

  #request(): string {
    const { operation, protocol } = this.#budget;
    const key = `key-${this.#nextKey++ % keys}`;
    if (protocol === 'redis') {
      return operation === 'put' ? `SET ${key} ${value}\r\n` : `GET ${key}\r\n`;
    }
    const head = `${operation.toUpperCase()} /kv/${key} HTTP/1.1\r\nHost: counted\r\n`;
    return operation === 'put' ? `${head}Content-Length: ${valueBytes}\r\n\r\n${value}` : `${head}\r\n`;
  }

  /** Where the reply ends that begins what was received; negative while it has not come whole. */
  #endOfHttp(): number {
    const headEnd = this.#received.indexOf('\r\n\r\n');
    if (headEnd < 0) return -1;
    const status = this.#received.slice(9, 12);
    if (status !== (this.#budget.operation === 'put' ? '204' : '200')) throw new Error(this.#received);
    const end = headEnd + 4 + (status === '200' ? valueBytes : 0);
    return this.#received.length < end ? -1 : end;
  }

  /** Where all replies of a pipeline end, which are all of one length. */
  #endOfRedis(): number {
    const reply = this.#budget.operation === 'put' ? '+OK\r\n' : `$${valueBytes}\r\n${value}\r\n`;
    const all = reply.repeat(this.#budget.pipeline);
    if (this.#received.length < all.length) return -1;
    if (this.#received !== all) throw new Error(this.#received);
    return all.length;
  }
}
