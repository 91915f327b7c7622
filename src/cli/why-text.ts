/** What `/debug/why` says, for a person. */

import { z } from 'zod';

import { formatBytes, formatDuration, formatTable } from './terminal.ts';

const copySchema = z.looseObject({
  ts: z.number(),
  counter: z.number(),
  writer_id: z.string(),
  actor: z.string(),
  deleted: z.boolean(),
  expires_at_ms: z.number().optional(),
  checksum: z.string(),
  bytes: z.number(),
  newest: z.boolean(),
  arrived: z.object({ path: z.string(), from: z.string(), ago_ms: z.number() }).nullable(),
});

export const whySchema = z.looseObject({
  token: z.string(),
  partition: z.number(),
  level: z.boolean(),
  newest: z
    .looseObject({ ts: z.number(), counter: z.number(), actor: z.string(), writer_id: z.string() })
    .nullable(),
  owners: z.array(z.string()),
  fallbacks: z.array(z.string()),
  nodes: z.array(
    z.looseObject({
      id: z.string(),
      role: z.string(),
      state: z.string(),
      message: z.string(),
      witness: z.boolean().nullable(),
      failure: z.string().nullable(),
      copy: copySchema.nullable(),
    }),
  ),
  hints: z.array(copySchema.extend({ holder: z.string(), target: z.string() })),
});

type Why = z.infer<typeof whySchema>;
type Copy = z.infer<typeof copySchema>;
type Node = Why['nodes'][number];

/** A heading, a line for each node that has something to do with the key, the hints, and what to make of it. */
export function whyText(why: Why): string {
  const { token, partition, owners, fallbacks, newest, hints } = why;
  const lines = [
    `token ${token}, partition ${partition}, owners ${owners.join(' ')}` +
      (fallbacks.length === 0 ? '' : `, fallbacks ${fallbacks.join(' ')}`),
  ];
  if (newest !== null) {
    const at = new Date(newest.ts).toISOString();
    lines.push(
      `newest version ${newest.ts}-${newest.counter}-${newest.actor}, stamped by ${newest.writer_id} at ${at}`,
    );
  }
  const shown = why.nodes.filter(isOfInterest);
  const heading = ['NODE', 'ROLE', 'HOLDS', 'VERSION', 'SIZE', 'CHECKSUM', 'CAME'];
  lines.push('', formatTable([heading, ...shown.map(rowOf)]));
  for (const hint of hints) {
    lines.push(`hint: ${hint.holder} keeps ${describe(hint)} for ${hint.target} (${dotOf(hint)})`);
  }
  lines.push('', verdictOf(why));
  return lines.join('\n');
}

/** What it comes to, in a sentence. */
export function verdictOf(why: Why): string {
  const { level, newest, nodes, hints } = why;
  if (newest === null && level) return 'No node holds anything under this key.';
  if (level) return 'All owners hold the newest version.';
  const lacking = nodes.filter(({ role, copy }) => role === 'owner' && copy?.newest !== true);
  return lacking
    .map((node) => {
      const isHinted = hints.some((hint) => hint.target === node.id && hint.newest);
      const way = isHinted ? 'a hint is on its way' : 'read repair or anti-entropy will bring it';
      if (node.state !== 'answered')
        return `${node.id} is ${node.state} (${node.message}); ${isHinted ? `${way}.` : 'no hint is kept for it.'}`;
      if (node.failure !== null)
        return `${node.id} can't read its copy (${node.failure}); the other owners heal it.`;
      return `${node.id} holds ${node.copy === null ? 'nothing' : 'an older version'}; ${way}.`;
    })
    .join('\n');
}

function isOfInterest(node: Node): boolean {
  return node.role === 'owner' || node.copy !== null || node.failure !== null;
}

function rowOf(node: Node): readonly string[] {
  const { id, role, copy } = node;
  // A node that lost something can show what it has, but its "nothing" proves nothing.
  const remark = node.witness === false ? ' (no witness)' : '';
  if (node.state !== 'answered') return [id, role, node.state, '-', '-', '-', '-'];
  if (node.failure !== null) return [id, role, node.failure, '-', '-', '-', '-'];
  if (copy === null) return [id, role, `nothing${remark}`, '-', '-', '-', '-'];
  const age = copy.newest ? 'newest' : 'older';
  return [
    id,
    role,
    `${describe(copy)}, ${age}${remark}`,
    dotOf(copy),
    formatBytes(copy.bytes),
    copy.checksum,
    cameOf(id, copy),
  ];
}

function describe(copy: Copy): string {
  if (copy.deleted) return 'tombstone';
  return copy.expires_at_ms === undefined
    ? 'value'
    : `value until ${new Date(copy.expires_at_ms).toISOString()}`;
}

function dotOf(copy: Copy): string {
  return `${copy.ts}-${copy.counter}-${copy.actor}`;
}

/** By which way a version came to the node. */
function cameOf(id: string, { arrived }: Copy): string {
  if (arrived === null) return 'from its disk, or too long ago to be remembered';
  const { path, from } = arrived;
  const ago = `${formatDuration(arrived.ago_ms)} ago`;
  const isOwn = from === id;
  switch (path) {
    case 'write':
      return isOwn ? `client write coordinated here, ${ago}` : `client write from ${from}, ${ago}`;
    case 'read':
      return `read at ${isOwn ? 'this node' : from} that found it behind, ${ago}`;
    case 'handoff':
      return `handed over by ${from}, ${ago}`;
    case 'anti-entropy':
      return `fetched from ${from} by anti-entropy, ${ago}`;
    default:
      return `${path} at ${from}, ${ago}`;
  }
}
