/** What `health` and `status` share: they look at every node, each speaking for itself. */

import { Command } from 'commander';

import { formatAddress, type Address } from './address.ts';
import { nodeOf } from './cluster-settings.ts';
import { parseNodeAddress } from './command-options.ts';
import { defaultConfigPath, readNodesFileOrDefault } from './nodes-file-choice.ts';

export interface InspectOptions {
  readonly config: string;
  readonly addr?: Address;
}

export interface InspectedNode {
  readonly name: string;
  readonly address: Address;
}

export function inspectCommand(name: string): Command {
  return new Command(name)
    .option('-c, --config <file>', 'the nodes of the cluster', defaultConfigPath)
    .option('--addr <host:port>', 'only the node at this address, without a nodes file', parseNodeAddress);
}

/** The nodes of those ids, or all; throws `CONFIG_INVALID`. */
export async function chooseNodes(
  ids: readonly string[],
  options: InspectOptions,
): Promise<readonly InspectedNode[]> {
  if (options.addr !== undefined) return [{ name: formatAddress(options.addr), address: options.addr }];
  const settings = await readNodesFileOrDefault(options.config);
  const nodes = ids.length === 0 ? settings.nodes : ids.map((id) => nodeOf(settings, id));
  return nodes.map((node) => ({ name: node.id, address: node.address }));
}
