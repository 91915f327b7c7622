import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { simulate, type SimulatedClient } from './simulation-api.ts';

/** The application under test: a counter that must not count a click twice, whatever the store answers. */
async function addClick(client: SimulatedClient, page: string, click: string): Promise<boolean> {
  const read = await client.get(page);
  if (read.kind !== 'found' && read.kind !== 'missing') return false;
  const clicks = new Set((read.text ?? '').split(' ').filter((name) => name !== ''));
  const write = await client.put(page, [...clicks.add(click)].join(' '), { context: read.context });
  return write.kind === 'stored';
}

describe('simulate for applications', () => {
  test('an application that tries again counts each click once, while nodes die', async () => {
    for (let seed = 1; seed <= 5; seed++) {
      const { result } = await simulate(seed, { nodes: 3 }, async (cluster) => {
        const client = cluster.client();
        for (let click = 1; click <= 8; click++) {
          const victim = cluster.nodes[Math.floor(cluster.random() * 3)] ?? 'n1';
          cluster.crash(victim);
          while (!(await addClick(client, 'page', `c${click}`))) await cluster.sleep(100);
          await cluster.restart();
        }
        cluster.losePower();
        await cluster.restart();
        await cluster.untilHealthy();
        return (await client.get('page', { r: 3 })).text;
      });
      assert.equal(result, 'c1 c2 c3 c4 c5 c6 c7 c8');
    }
  });

  test('one seed is one history, minutes pass at once, and the trace can be heard', async () => {
    const run = async (): Promise<readonly [text: string | undefined, hash: string, trace: string]> => {
      const lines: string[] = [];
      const options = { nodes: 3, onTrace: (line: string) => void lines.push(line) };
      const { result, traceHash, virtualMs } = await simulate(7, options, async (cluster) => {
        await cluster.client('n1').put('k', Uint8Array.of(104, 105));
        await cluster.sleep(300_000);
        return (await cluster.client('n2').get('k')).text;
      });
      assert.ok(virtualMs > 300_000);
      return [result, traceHash, lines.join('\n')];
    };
    const first = await run();
    assert.equal(first[0], 'hi');
    assert.match(first[2], /"kind":"request"|"kind":"frame"/);
    assert.deepEqual(await run(), first);
  });

  test('the side of a partition with a quorum goes on, the other says that it can not, and healing joins them', async () => {
    await simulate(3, { quorumMode: 'strict' }, async (cluster) => {
      cluster.partition(['n1']);
      await cluster.sleep(8_000);
      assert.equal((await cluster.client('n2').put('k', 'new')).kind, 'stored');
      const alone = await cluster.client('n1').get('k');
      assert.deepEqual([alone.kind, alone.code], ['unavailable', 'QUORUM_NOT_MET']);
      assert.equal((await cluster.client('n1').delete('k')).kind, 'unknown');
      cluster.heal();
      await cluster.untilHealthy();
      assert.equal((await cluster.client('n1').get('k', { r: 3 })).kind, 'missing');
    });
  });

  test('a crash shows as lost or not sent, and a pause as silence that ends', async () => {
    await simulate(5, {}, async (cluster) => {
      const client = cluster.client('n1');
      const write = client.put('k', 'v');
      await cluster.sleep(0.5);
      cluster.crash('n1');
      assert.equal((await write).kind, 'lost');
      assert.equal((await client.get('k')).kind, 'not-sent');
      assert.equal(cluster.isRunning('n1'), false);
      await cluster.restart('n1');
      await cluster.untilHealthy();
      cluster.pause('n1');
      const read = client.get('k');
      await cluster.sleep(1_000);
      cluster.resume('n1');
      assert.match((await read).kind, /found|missing/);
      assert.equal(cluster.ownersOf('k').length, 3);
    });
  });

  test('a value belongs to whoever has it, and a context wins over the clocks', async () => {
    await simulate(2, { nodes: 1 }, async (cluster) => {
      const client = cluster.client();
      const value = Uint8Array.of(1);
      const write = client.put('k', value);
      value[0] = 9;
      await write;
      const read = await client.get('k');
      assert.deepEqual(read.value, Uint8Array.of(1));
      read.value?.fill(7);
      assert.deepEqual((await client.get('k')).value, Uint8Array.of(1));
      const ahead = read.context?.replace(/^\d+/, (wallMs) => String(Number(wallMs) + 400));
      const next = await client.put('k', 'later', { context: ahead });
      const [before, after] = [ahead, next.context].map((dot) => Number(dot?.split('-')[0]));
      assert.ok((after ?? 0) >= (before ?? Infinity), 'stamped above what it had seen');
      await assert.rejects(client.put('k', 'v', { context: 'x' }), /x is no context/);
    });
  });

  test('lost power ends all nodes, and what was acknowledged is there when they are back', async () => {
    await simulate(2, {}, async (cluster) => {
      assert.equal((await cluster.client().put('k', 'v')).kind, 'stored');
      cluster.losePower();
      assert.deepEqual(
        cluster.nodes.map((node) => cluster.isRunning(node)),
        [false, false, false],
      );
      await cluster.restart();
      await cluster.untilHealthy();
      assert.equal((await cluster.client().get('k')).text, 'v');
    });
  });

  test('what a story throws names the seed, and so do mistakes in asking', async () => {
    const story = (): Promise<void> => Promise.reject(new Error('two apples'));
    await assert.rejects(simulate(9, {}, story), /two apples \(simulation seed 9\)/);
    await assert.rejects(
      simulate(1, { nodes: 3, n: 4 }, story),
      /n is 4, but must be an integer from 1 to 3/,
    );
    const stray = simulate(1, {}, (cluster) => Promise.resolve(cluster.crash('n9')));
    await assert.rejects(stray, /there is no node n9; there are n1, n2, n3/);
    const impatient = simulate(1, {}, () => new Promise<void>((resolve) => setTimeout(resolve, 1)));
    await assert.rejects(impatient, /setTimeout was called inside a simulation/);
  });
});
