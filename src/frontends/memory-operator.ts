/** The operator's part of `MemoryNode`: fixed answers, which wait for whatever a test gives them to wait for. */

import type { NodeId } from '../core/config.ts';
import type { OperatorApi } from '../replica/operator-api.ts';
import type { ScrubReport } from '../storage/store.ts';
import type { MemoryNode } from './memory-node.ts';

const scrubbed: ScrubReport = { records: 12, bytes: 3_400, corrupt: 1, sumMismatches: 0 };

/** `node` is looked at when it is asked. */
export function memoryOperator(node: MemoryNode): OperatorApi {
  return {
    why: async (key) => {
      const version = (await node.local.get(key))?.version;
      const arrival = { path: 'handoff', from: nodeId('n3'), atWallMs: node.wallMs - 1_500 } as const;
      const copy =
        version === undefined ? undefined : { digest: version, valueBytes: version.value.length, arrival };
      const hints = copy === undefined ? [] : [{ target: nodeId('n2'), copy }];
      const answer = { kind: 'key-trace', isWitness: true, failure: undefined, copy, hints } as const;
      const down = { state: 'down', message: 'it cannot be reached', answer: undefined } as const;
      return {
        token: { high: 0x0000_00ab, low: 0xcdef_0123 },
        partition: 5,
        nodes: [
          { id: nodeId('n1'), role: 'owner', state: 'answered', message: '', answer },
          { id: nodeId('n2'), role: 'owner', ...down },
        ],
        newest: version,
        isLevel: false,
        wallMs: node.wallMs,
      };
    },
    repair: async ({ partitions, onProgress }) => {
      node.repaired.push(partitions);
      const peer = { peer: nodeId('n2'), partitions: 1, error: '' };
      onProgress?.({ peers: [{ ...peer, state: 'running', fetched: 1, sent: 0 }] });
      await node.work;
      return { peers: [{ ...peer, state: 'done', fetched: 3, sent: 4 }] };
    },
    scrub: async (onProgress) => {
      onProgress?.({ ...scrubbed, records: 6 });
      await node.work;
      return scrubbed;
    },
    scrubbing: () => {
      const run = { asked: true, state: 'done', startedAtWallMs: 9, tookMs: 2.5, error: '' } as const;
      return { periodMs: 86_400_000, completed: 1, newest: { ...run, report: scrubbed } };
    },
    compact: async () => await node.work,
  };
}

function nodeId(text: string): NodeId {
  return text as NodeId;
}
