/**
 * What `put`, `get` and `delete` share: which node is asked, and how its refusals are told.
 *
 * Any node coordinates, so the first of the nodes file that answers is asked. It is probed before: a write is
 * never sent twice, because a node that took it and then fell silent may have carried it out.
 */

import { Command } from 'commander';

import { limits } from '../core/limits.ts';
import { formatAddress, type Address } from './address.ts';
import { clientAddressOf, nodeOf, startedNodes } from './cluster-settings.ts';
import { CommandFailure } from './command-failure.ts';
import { parseInteger, parseNodeAddress } from './command-options.ts';
import { healthOfAddress, type NodeAnswer } from './node-answer.ts';
import { requestNode, type NodeRequest } from './node-client.ts';
import { defaultConfigPath, readNodesFileOrDefault } from './nodes-file-choice.ts';
import { replyFields, replyMessage } from './reply-fields.ts';

export interface ClientOptions {
  readonly config: string;
  readonly node?: string;
  readonly addr?: Address;
  readonly r?: number;
  readonly w?: number;
  readonly timeout?: number;
}

/** Longer than the nodes' own default, so that their word on a missed quorum arrives. */
const defaultTimeoutMs = 10_000;
const timeoutMarginMs = 2_000;

/** A command for one key, with the options that choose a node. */
export function clientCommand(name: string): Command {
  return new Command(name)
    .option('-c, --config <file>', 'the nodes of the cluster', defaultConfigPath)
    .option('--node <id>', 'ask this node instead of the first that answers')
    .option('--addr <host:port>', 'ask the node at this address, without a nodes file', parseNodeAddress)
    .option('--timeout <ms>', 'how long the cluster may take', parseInteger(1, limits.requestTimeoutMsMax));
}

/** The node to ask; throws `CommandFailure` when none answers. */
export async function chooseNode(options: ClientOptions): Promise<Address> {
  if (options.addr !== undefined) return options.addr;
  const settings = await readNodesFileOrDefault(options.config);
  const candidates = options.node === undefined ? startedNodes(settings) : [nodeOf(settings, options.node)];
  const probes = candidates.map((node) => {
    // Who names a worker means that very one; otherwise clients have the address that workers share.
    const address = options.node === undefined ? clientAddressOf(node) : node.address;
    return { node, address, answer: healthOfAddress(address) };
  });
  const silent: string[] = [];
  const unwell: Address[] = [];
  for (const { node, address, answer } of probes) {
    const said: NodeAnswer = await answer;
    if (said.kind === 'yes') return address;
    if (said.kind === 'no') unwell.push(address);
    else silent.push(`  ${node.id} at ${formatAddress(address)}: ${said.message}`);
  }
  // A node with a full disk still serves reads.
  const [first] = unwell;
  if (first !== undefined) return first;
  throw new CommandFailure(
    ['No node answers. Is the cluster up? (mini-dynamo up, mini-dynamo ps)', ...silent].join('\n'),
  );
}

export interface KeyReply {
  readonly status: number;
  readonly body: Uint8Array;
  readonly header: (name: string) => string | undefined;
}

/** Sends one request for a key and hands back every answer below 500; throws `CommandFailure` otherwise. */
export async function sendKeyRequest(
  options: ClientOptions,
  request: Omit<NodeRequest, 'timeoutMs'>,
): Promise<KeyReply> {
  const address = await chooseNode(options);
  const query = queryOf(options);
  const reply = await requestNode(address, {
    ...request,
    path: request.path + query,
    headers: { accept: 'application/json', ...request.headers },
    timeoutMs: (options.timeout ?? defaultTimeoutMs) + timeoutMarginMs,
  });
  const where = formatAddress(address);
  if (reply.kind === 'unreachable') throw new CommandFailure(`${where} cannot be reached: ${reply.message}`);
  if (reply.kind === 'unanswered') {
    const outcome =
      request.method === 'GET' ? '' : ' Whether it was carried out is unknown; it may still win.';
    throw new CommandFailure(`${where} did not answer: ${reply.message}.${outcome}`);
  }
  if (reply.status >= 400 && !(reply.status === 404 && request.method === 'GET')) {
    throw new CommandFailure(describeRefusal(reply.status, reply.body));
  }
  return {
    status: reply.status,
    body: reply.body,
    header: (name) => {
      const value = reply.headers[name];
      return Array.isArray(value) ? value.join(', ') : value;
    },
  };
}

/** One sentence for an error body, JSON or text. */
export function describeRefusal(status: number, body: Uint8Array): string {
  const fields = replyFields(body);
  const code = fields.get('code');
  const outcome =
    fields.get('outcome') === 'unknown' ? ' The outcome is unknown: the write may still win.' : '';
  const label = typeof code === 'string' ? `${code}, ` : '';
  return `${replyMessage(body) || 'no reason given'} (${label}status ${status}).${outcome}`;
}

function queryOf(options: ClientOptions): string {
  const parameters = new URLSearchParams();
  if (options.r !== undefined) parameters.set('r', String(options.r));
  if (options.w !== undefined) parameters.set('w', String(options.w));
  if (options.timeout !== undefined) parameters.set('timeout', String(options.timeout));
  return parameters.size === 0 ? '' : `?${parameters.toString()}`;
}
