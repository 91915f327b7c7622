/**
 * A small network of the kernel's own: a bridge, and for each node a network namespace with an address on it.
 *
 *   hub (clients, 10.0.0.254) ──┬── n1 10.0.0.1      rules of nftables sit at the entry of each namespace:
 *                               ├── n2 10.0.0.2      what comes from some peer is dropped, dropped at
 *                               └── n3 10.0.0.3      random, or answered with a TCP reset
 *
 * Clients are never hindered, so that they see what a node that is cut off says. To be called inside a world of
 * its own (`own-network.ts`), which takes all of it away at its end.
 */

import { execFile, execFileSync } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** What happens to packets on their way in: all are lost, so many of a hundred are, or each TCP packet is answered by a reset. */
export type LinkFault =
  { readonly kind: 'drop' | 'reset' } | { readonly kind: 'loss'; readonly percent: number };

/** The namespaces and links exist once this returns; nothing is lost yet. */
export class FaultNetwork {
  readonly #ids: readonly string[];
  /** By receiver, then by sender. */
  readonly #faults = new Map<string, Map<string, LinkFault>>();
  readonly #slowed = new Set<string>();
  #hitPackets = 0;

  constructor(ids: readonly string[]) {
    this.#ids = ids;
    const commands = ['mount -t tmpfs tmpfs /run', 'mkdir -p /run/netns', 'ip link set lo up'];
    commands.push('ip link add hub type bridge', 'ip addr add 10.0.0.254/24 dev hub', 'ip link set hub up');
    for (const id of ids) {
      const inside = `ip netns exec ${id} ip`;
      commands.push(
        `ip netns add ${id}`,
        `ip link add ${id} type veth peer name eth0 netns ${id}`,
        `ip link set ${id} master hub up`,
        `${inside} addr add ${this.hostOf(id)}/24 dev eth0`,
        `${inside} link set eth0 up`,
        `${inside} link set lo up`,
      );
    }
    execFileSync('sh', ['-ec', commands.join('\n')], { env: environmentWithTools() });
  }

  hostOf(id: string): string {
    return `10.0.0.${this.#ids.indexOf(id) + 1}`;
  }

  /** The start of a command line that runs a program in a node's namespace, as the process that is started. */
  commandOf(id: string): readonly [string, ...string[]] {
    return ['nsenter', `--net=/run/netns/${id}`, '--'];
  }

  /** Packets from `from` to `to` suffer this from now on. */
  async hurt(from: string, to: string, fault: LinkFault): Promise<void> {
    const faults = this.#faults.get(to) ?? new Map<string, LinkFault>();
    this.#faults.set(to, faults.set(from, fault));
    await this.#apply(to);
  }

  /** What a node sends leaves at this rate; a fifth of a second's worth waits, and the rest is lost. */
  async slow(id: string, kilobitsPerSecond: number): Promise<void> {
    this.#slowed.add(id);
    await this.#runIn(
      id,
      `tc qdisc replace dev eth0 root tbf rate ${kilobitsPerSecond}kbit burst 8kb latency 200ms`,
    );
  }

  /** Nothing passes between these nodes and the others, either way. */
  async isolate(...side: readonly string[]): Promise<void> {
    const others = this.#ids.filter((id) => !side.includes(id));
    for (const one of side) {
      for (const other of others) {
        await this.hurt(one, other, { kind: 'drop' });
        await this.hurt(other, one, { kind: 'drop' });
      }
    }
  }

  /** The network is whole again. */
  async heal(): Promise<void> {
    const hurt = [...this.#faults.keys()];
    this.#faults.clear();
    for (const id of hurt) await this.#apply(id);
    for (const id of this.#slowed) await this.#runIn(id, 'tc qdisc del dev eth0 root');
    this.#slowed.clear();
  }

  /** How many packets met a fault that was in force until now. */
  async hitPackets(): Promise<number> {
    for (const id of this.#faults.keys()) await this.#apply(id);
    return this.#hitPackets;
  }

  /** Replaces the rules of a namespace in one transaction, after adding up what the old ones hit. */
  async #apply(id: string): Promise<void> {
    const rules = [...(this.#faults.get(id) ?? [])].map(
      ([from, fault]) => `add rule inet faults input ip saddr ${this.hostOf(from)} ${verdictOf(fault)}`,
    );
    const script = [
      'add table inet faults',
      'add chain inet faults input { type filter hook input priority 0; }',
      'list chain inet faults input',
      'flush chain inet faults input',
      ...rules,
    ].join('\n');
    const stdout = await this.#runIn(id, 'nft -f -', script);
    for (const [, packets] of stdout.matchAll(/counter packets (\d+)/g)) this.#hitPackets += Number(packets);
  }

  /** Runs a command in a node's namespace; resolves to what it wrote. */
  async #runIn(id: string, commandLine: string, input = ''): Promise<string> {
    const [command, ...words] = this.commandOf(id);
    const running = run(command, [...words, ...commandLine.split(' ')], { env: environmentWithTools() });
    // A command that has ended already reads nothing more; how it ended is told by its exit code.
    running.child.stdin?.on('error', () => undefined).end(input);
    return (await running).stdout;
  }
}

function verdictOf(fault: LinkFault): string {
  switch (fault.kind) {
    case 'drop':
      return 'counter drop';
    case 'reset':
      return 'meta l4proto tcp counter reject with tcp reset';
    case 'loss':
      return `numgen random mod 100 < ${fault.percent} counter drop`;
  }
}

/** Administrators' tools may lie outside of the path of other users. */
function environmentWithTools(): NodeJS.ProcessEnv {
  return { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` };
}
