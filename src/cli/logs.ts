/** `mini-dynamo logs`: what the background nodes wrote. */

import { clusterCommand, parseInteger, withExamples } from './command-options.ts';
import { chosenNodes, dataDirectoryOf, openLocalCluster, type ClusterLocation } from './local-cluster.ts';
import { lastLines, logPathOf, newLines, sizeOf } from './node-log.ts';
import { remark, say } from './terminal.ts';

const followEveryMs = 250;

interface LogsOptions extends ClusterLocation {
  readonly lines: number;
  readonly follow?: boolean;
}

export const logsCommand = withExamples(
  clusterCommand('logs')
    .description('show the last lines of the logs of background nodes')
    .argument('[ids...]', 'only these nodes')
    .option('-n, --lines <count>', 'how many lines of each', parseInteger(0, 100_000), 20)
    .option('-f, --follow', 'go on showing new lines until interrupted')
    .action(logs),
  [
    ['logs', 'the last 20 lines of every node'],
    ['logs n2 --follow', 'what n2 says from now on, too'],
  ],
);

async function logs(ids: readonly string[], options: LogsOptions): Promise<void> {
  const cluster = await openLocalCluster(options);
  const files = chosenNodes(cluster, ids).map((node) => ({
    prefix: `${node.id} | `,
    path: logPathOf(dataDirectoryOf(cluster, node)),
    offset: 0,
  }));
  for (const file of files) {
    file.offset = await sizeOf(file.path);
    if (file.offset === 0) remark(`${file.prefix}no log yet at ${file.path}`);
    for (const line of await lastLines(file.path, { count: options.lines, since: 0, until: file.offset }))
      say(`${file.prefix}${line}`);
  }
  while (options.follow === true) {
    await new Promise((resolve) => setTimeout(resolve, followEveryMs));
    for (const file of files) {
      const { lines, offset } = await newLines(file.path, file.offset);
      file.offset = offset;
      for (const line of lines) say(`${file.prefix}${line}`);
    }
  }
}
