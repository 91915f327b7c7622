/**
 * Before anything is timed: whether a server answers right. A fast wrong answer would win every comparison.
 *
 * Values of several lengths are written, read, overwritten and read again byte for byte; what is not there must not be
 * found; a read-modify-write must be visible, and scans must bring entries.
 */

import { Connection } from './connection.ts';
import type { RunningContestant } from './contestants.ts';
import type { Answer, Step } from './dialog.ts';
import { encodedSaltOf, Payload } from './payload.ts';

const valueBytes = [0, 1, 100, 4_096, 1024 * 1024];
/** Far from the keys of all sections. */
const firstKey = 900_000_000;
const scanLength = 10;

/** What was wrong, in words; empty when all is well. */
export async function checkContestant(contestant: RunningContestant): Promise<readonly string[]> {
  const problems: string[] = [];
  for (const [index, bytes] of valueBytes.entries()) {
    problems.push(...(await checkLength(contestant, { bytes, key: firstKey + index })));
  }
  return problems.map((problem) => `${contestant.name}: ${problem}`);
}

async function checkLength(
  contestant: RunningContestant,
  { bytes, key }: { readonly bytes: number; readonly key: number },
): Promise<readonly string[]> {
  const { dialog, scans, server } = contestant;
  const payload = new Payload(bytes);
  const connections = server.urls.map((url) => new Connection({ dialog, url, payload, keepValues: true }));
  const problems: string[] = [];
  let turn = 0;
  // Each step goes to the next address: what one node took, another has to know.
  const ask = (step: Step): Promise<Answer> =>
    new Promise((resolve) => connections[turn++ % connections.length]?.ask(step, resolve));
  const expect = (what: string, answer: Answer, problem?: string): void => {
    if (answer.problem === problem) return;
    problems.push(
      `${what} of ${bytes} bytes: ${answer.problem ?? 'no problem'} and not ${problem ?? 'none'}`,
    );
  };
  const expectValue = async (what: string, salt: number): Promise<Answer> => {
    const answer = await ask({ kind: 'read', key });
    const value = payload.value(dialog.kind === 'etcd' ? encodedSaltOf(salt) : salt);
    expect(what, answer);
    if (answer.problem === undefined && answer.value !== value)
      problems.push(`${what} of ${bytes} bytes: another value`);
    return answer;
  };
  try {
    expect('read of no key', await ask({ kind: 'read', key: key + valueBytes.length }), 'not found');
    for (const salt of [1, 2]) {
      expect('write', await ask({ kind: 'write', key, salt }));
      await expectValue('read', salt);
    }
    const { version } = await expectValue('read before a write-back', 2);
    const written = await ask({ kind: 'write-back', key, salt: 3, version });
    expect('write-back', written);
    if (written.isConflict === true) problems.push('a write-back that nobody disturbed was refused');
    await expectValue('read after a write-back', 3);
    if (scans !== 'none' && bytes === 0) {
      const scan = await ask({ kind: 'scan', key, length: scanLength });
      expect('scan', scan);
      if (scans === 'ordered' && scan.entries !== 1)
        problems.push(`a scan of ${scan.entries ?? 0} entries and not 1`);
    }
  } finally {
    for (const connection of connections) connection.close();
  }
  return problems;
}
